"""Tests of face images against arrays made by hand and other uses of Pillow."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from facevoice.features import FeatureSettings, Reason, read_face
from tests.facevoice.features.pictures import (
    DEFAULT,
    EXACT,
    NOISE,
    encoded,
    png_header,
    rejection,
)

GREY = NOISE[:, :, 0]


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (151, 151), (97, 240)])
@pytest.mark.parametrize("crop", [0.5, 0.8, 1.0])
def test_an_off_centre_mark_lies_where_the_crop_puts_it(size, crop):
    width, height = size
    side = min(size) * crop
    x, y = width / 2 + 0.2 * side, height / 2 - 0.15 * side
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
    settings = FeatureSettings(image_size=100, face_crop=crop)
    face = read_face(encoded(dot.round().astype(np.uint8)), settings)[:, :, 0].astype(float)
    face[face < 5] = 0
    places = np.arange(100) + 0.5
    assert places @ face.sum(axis=0) / face.sum() == pytest.approx(70, abs=0.1)
    assert places @ face.sum(axis=1) / face.sum() == pytest.approx(35, abs=0.1)


@pytest.mark.parametrize("size", [(400, 200), (200, 300), (211, 640)])
def test_a_circle_stays_a_circle(size):
    width, height = size
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    radius = 0.25 * min(size)
    disc = ((columns - width / 2) ** 2 + (rows - height / 2) ** 2 <= radius**2) * np.uint8(255)
    face = read_face(encoded(disc), DEFAULT)[:, :, 0] > 127
    # A diameter of half the shorter side is 0.5 / 0.8 of the crop: 80 of 128 pixels.
    assert face.any(axis=0).sum() == pytest.approx(80, abs=1)
    assert face.any(axis=1).sum() == pytest.approx(80, abs=1)
    assert face.sum() == pytest.approx(np.pi * 40**2, rel=0.01)


@pytest.mark.parametrize("size", [(101, 77), (64, 81)])
def test_the_crop_is_centred_to_fractions_of_a_pixel(size):
    half = np.random.default_rng(1).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    symmetric = np.minimum(half, half[:, ::-1])
    symmetric = np.minimum(symmetric, symmetric[::-1])
    face = read_face(encoded(symmetric), DEFAULT).astype(int)
    np.testing.assert_allclose(face, face[:, ::-1], atol=1)
    np.testing.assert_allclose(face, face[::-1], atol=1)


@pytest.mark.parametrize(("pixels", "image_size"), [(100, 128), (200, 128), (300, 24)])
def test_a_crop_of_whole_pixels_equals_pillows_crop_and_resize(pixels, image_size):
    picture = Image.fromarray(
        np.random.default_rng(2).integers(0, 256, (pixels, pixels, 3), dtype=np.uint8)
    )
    margin = pixels // 10
    cut = picture.crop((margin, margin, pixels - margin, pixels - margin))
    expected = np.asarray(cut.resize((image_size, image_size), Image.Resampling.LANCZOS))
    face = read_face(encoded(picture), FeatureSettings(image_size=image_size))
    # At the rim, the filter also sees the pixels around the crop, which `cut` has lost.
    rim = int(np.ceil(3 * max(1, image_size / cut.width)))
    inner = slice(rim, image_size - rim)
    np.testing.assert_array_equal(face[inner, inner], expected[inner, inner])


@pytest.mark.parametrize("pixels", [60, 128, 345])
def test_without_a_crop_all_pixels_equal_pillows_resize(pixels):
    picture = Image.fromarray(
        np.random.default_rng(3).integers(0, 256, (pixels, pixels, 3), dtype=np.uint8)
    )
    expected = np.asarray(picture.resize((128, 128), Image.Resampling.LANCZOS))
    face = read_face(encoded(picture), FeatureSettings(face_crop=1.0))
    np.testing.assert_array_equal(face, expected)


@pytest.mark.parametrize("pixels", [256, 500, 501])
def test_a_fine_checkerboard_becomes_grey(pixels):
    rows, columns = np.indices((pixels, pixels))
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    board[:, : pixels // 2] = 0
    face = read_face(encoded(board), FeatureSettings(image_size=48, face_crop=0.9))
    assert np.abs(face[:, 27:] - 127.5).max() <= 3
    assert face[:, :21].max() <= 3


# --- What cannot be used, and what can ---


@pytest.mark.parametrize("size", [(1, 1), (15, 15), (19, 19), (2000, 1), (19, 2000)])
def test_too_few_pixels_in_the_crop_are_too_small(size):
    pixels = NOISE[0, 0, 0] + np.arange(size[0] * size[1], dtype=np.uint8).reshape(size)
    assert rejection(encoded(pixels)).reason == Reason.TOO_SMALL


def test_sixteen_pixels_in_the_crop_are_enough():
    assert read_face(encoded(NOISE[:20, :20]), DEFAULT).shape == (128, 128, 3)


@pytest.mark.parametrize("size", [(7000, 6000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_too_large_and_not_decoded(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rejection(io.BytesIO(png_header(*size))).reason == Reason.TOO_LARGE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
@pytest.mark.parametrize("level", [0, 77, 255])
def test_one_single_colour_is_blank(kind, level):
    image = Image.new("L", (64, 64), level)
    assert rejection(encoded(image, kind)).reason == Reason.BLANK


def test_a_blank_crop_is_blank_whatever_is_around_it():
    picture = np.full((200, 400), 90, np.uint8)
    picture[:, :50] = 200
    assert rejection(encoded(picture)).reason == Reason.BLANK


def one_colour_but_for(kind):
    rng = np.random.default_rng(5)
    picture = np.full((128, 128, 3), 255, np.uint8)
    if kind == "noise":
        picture = (130 + rng.normal(0, 2.5, (128, 128, 1))).astype(np.uint8) + np.zeros(3, np.uint8)
    elif kind == "a pixel":
        picture[64, 64] = 0
    elif kind == "what is transparent":
        picture = np.dstack([NOISE, np.ones((64, 64), np.uint8)])
    return picture


@pytest.mark.parametrize("kind", ["noise", "a pixel", "what is transparent"])
@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_one_colour_with_noise_or_a_speck_is_blank(kind, format):
    picture = encoded(one_colour_but_for(kind), format, lossless=True, exact=True)
    assert rejection(picture).reason == Reason.BLANK


@pytest.mark.parametrize("first", [0, 3])  # some pixels are looked at before all are
def test_dots_that_leave_a_deviation_below_3_are_blank_and_others_are_not(first):
    dots = np.indices((8, 8)).sum(axis=0) % 2 * 2 - 1  # of 64 x 64 pixels, so a share of 1 / 64

    def picture(height):
        levels = np.full((64, 64), 128, np.uint8)
        levels[first::8, first::8] += (height * dots).astype(np.uint8)
        return encoded(levels)

    assert rejection(picture(20), EXACT).detail == "luminance is 128 of 255, give or take 2.5"
    assert read_face(picture(28), EXACT).std() == pytest.approx(28 / 8)


@pytest.mark.parametrize("middle", [8, 128, 247])
def test_a_dark_bright_or_faint_image_is_not_blank(middle):
    rows, columns = np.indices((128, 128))
    faint = middle + 7 * np.sin(rows / 9) * np.cos(columns / 11)
    assert read_face(encoded(faint.round().astype(np.uint8), "JPEG"), DEFAULT).std() > 3


JPEG = encoded(NOISE, "JPEG").getvalue()
SMOOTH = Image.fromarray(NOISE[:8, :8]).resize((160, 160), Image.Resampling.BICUBIC)
PNG = encoded(NOISE).getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        b"<!DOCTYPE html><title>404</title>",
        NOISE.tobytes(),
        JPEG[:200],
        JPEG[: len(JPEG) // 2],
        PNG[: len(PNG) // 2],
        PNG[:3000] + b"damaged" + PNG[3007:],
    ],
    ids=["empty", "start", "html", "noise", "jpeg head", "half jpeg", "half png", "bad png"],
)
def test_damaged_files_are_unreadable(tmp_path, data):
    path = tmp_path / "face.jpg"
    path.write_bytes(data)
    error = rejection(path)
    assert error.reason == Reason.UNREADABLE
    assert error.detail
    assert "\n" not in error.detail
    assert str(tmp_path) not in str(error)


@pytest.mark.parametrize("times", [1, 10, 24])  # so that all, a half or an eighth is decoded
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_jpeg_with_missing_rows_is_unreadable(share, times):
    picture = SMOOTH.resize((SMOOTH.width * times, SMOOTH.height * times))
    data = encoded(picture, "JPEG").getvalue()
    head = data.index(b"\xff\xda") + 14
    cut = data[: head + round((len(data) - head) * share)] + b"\xff\xd9"
    error = rejection(io.BytesIO(cut))
    assert str(error) == "unreadable: the lower part of the picture is missing"


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16"])
def test_a_png_with_fewer_rows_than_it_claims_is_unreadable(mode):
    picture = Image.fromarray(NOISE.astype(np.uint16)[:, :, 0]) if mode == "I;16" else SMOOTH
    data = bytearray(encoded(picture if mode == "I;16" else picture.convert(mode)).getvalue())
    data[20:24] = struct.pack(">I", picture.height * 4 // 3)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    assert (
        str(rejection(io.BytesIO(data))) == "unreadable: the lower part of the picture is missing"
    )


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_png_with_a_black_or_transparent_lower_part_is_read(mode, tmp_path):
    picture = SMOOTH.convert(mode)
    picture.paste(0, (0, 100, 160, 160))
    path = tmp_path / "face.png"
    picture.save(path)
    for source in (path, encoded(picture)):
        face = read_face(source, DEFAULT)
        assert (face[-8:] == (255 if mode == "RGBA" else 0)).all()
        assert face[:40].std() > 10


@pytest.mark.parametrize("tags", [{262: 0}, {258: 12}])
def test_grey_levels_that_are_not_brightness_are_refused(tags):
    ramp = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)
    data = bytearray(encoded(ramp, "TIFF").getvalue())
    for tag, value in tags.items():
        place = data.index(struct.pack("<HHI", tag, 3, 1))
        data[place + 8 : place + 12] = struct.pack("<I", value)
    assert rejection(io.BytesIO(data)).reason == Reason.UNREADABLE


def test_a_jpeg_in_a_grey_frame_is_read():
    framed = Image.new("RGB", (200, 200), (128, 128, 128))
    framed.paste(SMOOTH, (20, 20))
    assert read_face(encoded(framed, "JPEG"), DEFAULT).std() > 10


def test_a_progressive_jpeg_with_too_many_scans_is_too_large():
    data = encoded(Image.new("L", (5000, 5000), 90), "JPEG", progressive=True).getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    bomb = io.BytesIO(data[:-2] + 1000 * scan + b"\xff\xd9")
    assert rejection(bomb).reason == Reason.TOO_LARGE


@pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "SPIDER", "XBM"])
def test_formats_that_are_not_for_photos_are_not_opened(kind, tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(encoded(SMOOTH.convert("1" if kind == "XBM" else "RGB"), kind).getvalue())
    assert str(rejection(path)) == "unreadable: none of the image formats that are read"


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM", "JPEG2000", "AVIF"])
def test_less_common_formats_show_the_same_picture(kind):
    options = {"quality": 100} if kind == "AVIF" else {}
    face = read_face(encoded(SMOOTH, kind, **options), DEFAULT).astype(int)
    assert np.abs(face - read_face(encoded(SMOOTH), DEFAULT)).mean() < 2


def test_missing_files_and_directories_are_unreadable_without_their_path(tmp_path):
    for path in (tmp_path / "missing.jpg", tmp_path):
        error = rejection(path)
        assert error.reason == Reason.UNREADABLE
        assert str(tmp_path) not in str(error)


@pytest.mark.parametrize("name", ["face.jpg", "face.gif", "face.txt", "face"])
def test_format_is_detected_by_content_and_not_by_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(PNG)
    np.testing.assert_array_equal(read_face(path, EXACT), NOISE)
    np.testing.assert_array_equal(read_face(str(path), EXACT), NOISE)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_shows_its_first_frame(kind):
    frames = [Image.fromarray((level < GREY) * np.uint8(255)) for level in (60, 120, 180)]
    file = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    face = read_face(file, EXACT)
    np.testing.assert_array_equal(face[:, :, 1] > 127, GREY > 60)


# --- Settings ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 7),
        ("image_size", 4097),
        ("image_size", -128),
        ("image_size", 128.5),
        ("image_size", float("nan")),
        ("face_crop", 0),
        ("face_crop", -0.8),
        ("face_crop", 1.01),
        ("face_crop", float("nan")),
    ],
)
def test_invalid_face_settings_are_refused_with_their_field(name, value):
    with pytest.raises(ValueError, match=rf"^`{name}` is .*\.$"):
        FeatureSettings(**{name: value})
