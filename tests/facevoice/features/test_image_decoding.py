"""Tests of orientation, colours and reduced sizes of decoded pictures."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from facevoice.features import Reason, read_face
from facevoice.features.image_decoding import open_image
from tests.facevoice.features.pictures import (
    DEFAULT,
    EXACT,
    NOISE,
    encoded,
    exif,
    rejection,
)

GREY = NOISE[:, :, 0]
ALPHA = NOISE[:, :, 1]
# What EXIF orientation 1 to 8 asks of the one who shows the stored pixels.
TURNS = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored.transpose(1, 0, 2)[:, ::-1],
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: stored.transpose(1, 0, 2)[::-1],
}


def on_white(colour, alpha):
    """Colour blended onto white, [64, 64, 3]."""
    share = alpha[..., None] / 255
    return np.rint(colour.reshape(64, 64, -1) * share + 255 * (1 - share)) + np.zeros(3)


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_applied(orientation):
    file = encoded(NOISE, exif=exif(orientation))
    np.testing.assert_array_equal(read_face(file, EXACT), TURNS[orientation](NOISE))


@pytest.mark.parametrize("orientation", TURNS)
def test_the_crop_is_taken_after_rotation(orientation):
    picture = Image.fromarray(NOISE[:8, :8]).resize((300, 200), Image.Resampling.BICUBIC)
    file = encoded(picture, "JPEG", quality=95, exif=exif(orientation))
    turned = Image.fromarray(np.ascontiguousarray(TURNS[orientation](np.asarray(picture))))
    corner = (70, 20) if turned.width == 300 else (20, 70)
    cut = turned.crop((*corner, corner[0] + 160, corner[1] + 160))
    expected = np.asarray(cut.resize((128, 128), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(read_face(file, DEFAULT) - expected).mean() < 3  # what the JPEG has lost


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_undefined_orientation_is_ignored(orientation):
    file = encoded(NOISE, exif=exif(orientation))
    np.testing.assert_array_equal(read_face(file, EXACT), NOISE)


def test_damaged_exif_data_are_ignored():
    garbage = b"Exif\0\0" + bytes(range(200))
    assert read_face(encoded(NOISE, "JPEG", exif=garbage), EXACT).shape == (64, 64, 3)


def test_rgb_stays_as_it_is_and_is_uint8():
    face = read_face(encoded(NOISE), EXACT)
    assert face.dtype == np.uint8
    np.testing.assert_array_equal(face, NOISE)


def test_grey_becomes_three_equal_channels():
    face = read_face(encoded(GREY), EXACT)
    np.testing.assert_array_equal(face, np.stack([GREY] * 3, axis=-1))


def test_one_bit_becomes_black_and_white():
    bits = GREY > 127
    face = read_face(encoded(bits), EXACT)
    np.testing.assert_array_equal(face, np.stack([bits * 255] * 3, axis=-1))


def test_a_palette_becomes_its_colours():
    indices = GREY % 4
    colours = np.array([[250, 10, 20], [0, 99, 0], [1, 2, 200], [90, 80, 70]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(read_face(encoded(image), EXACT), colours[indices])


@pytest.mark.parametrize("transparency", [2, bytes([255, 128, 0, 64])])
def test_transparent_palette_entries_show_white_behind(transparency):
    indices = GREY % 4
    colours = np.array([[250, 10, 20], [0, 99, 0], [1, 2, 200], [90, 80, 70]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(colours.tobytes())
    each = np.array([255, 255, 0, 255] if transparency == 2 else list(transparency))
    face = read_face(encoded(image, transparency=transparency), EXACT)
    np.testing.assert_allclose(face, on_white(colours[indices], each[indices]), atol=1)


def test_transparent_colours_show_white_behind():
    face = read_face(encoded(np.dstack([NOISE, ALPHA])), EXACT)
    np.testing.assert_allclose(face, on_white(NOISE, ALPHA), atol=1)


def test_transparent_grey_shows_white_behind():
    face = read_face(encoded(np.dstack([GREY, ALPHA])), EXACT)
    np.testing.assert_allclose(face, on_white(GREY, ALPHA), atol=1)


def test_a_transparent_key_colour_shows_white():
    picture = NOISE.copy()
    picture[10:20, 10:20] = (1, 2, 3)
    face = read_face(encoded(picture, transparency=(1, 2, 3)), EXACT)
    picture[10:20, 10:20] = 255
    np.testing.assert_array_equal(face, picture)


def test_a_cmyk_jpeg_shows_its_colours():
    inks = np.zeros((64, 64, 4), np.uint8)
    inks[:32, :32] = (0, 255, 255, 0)  # red
    inks[:32, 32:] = (255, 0, 255, 0)  # green
    inks[32:, :32] = (255, 255, 0, 0)  # blue
    inks[32:, 32:] = (0, 0, 0, 128)  # grey
    face = read_face(encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=95), EXACT)
    corners = [face[16, 16], face[16, 48], face[48, 16], face[48, 48]]
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (127, 127, 127)]
    np.testing.assert_allclose(corners, expected, atol=4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_a_gradient_stays_one(kind):
    ramp = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    face = read_face(encoded(ramp, kind), EXACT)
    np.testing.assert_array_equal(face, np.stack([np.rint(ramp / 257)] * 3, axis=-1))


@pytest.mark.parametrize("levels", [np.float32(0.5), np.int32(70_000), np.int32(-1)])
def test_pixels_without_a_defined_white_are_refused(levels):
    file = encoded(np.full((64, 64), levels), "TIFF")
    assert rejection(file).reason == Reason.UNREADABLE


@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((960, 1300), (480, 650)),
        ((1920, 1080), (960, 540)),
        ((1920, 1920), (480, 480)),
        ((3840, 3840), (480, 480)),
        ((958, 958), (958, 958)),  # half of it would be fewer than 480
        ((1921, 1080), (1921, 1080)),  # half of it would end within a pixel
    ],
)
def test_large_jpegs_are_decoded_at_a_reduced_size(size, decoded):
    assert open_image(encoded(Image.new("RGB", size), "JPEG"), 480).size == decoded


def test_other_formats_are_decoded_at_full_size():
    assert open_image(encoded(Image.new("RGB", (960, 960))), 480).size == (960, 960)


def detailed(size):
    """A picture with detail of every size, as photographs have it, and noise."""
    draw = np.random.default_rng(4)
    layers = [
        Image.fromarray(draw.normal(0, 12, (size[1] // cell, size[0] // cell))).resize(size)
        for cell in (1, 2, 4, 8, 16, 32, 64)
    ]
    levels = 128 + np.sum([np.asarray(layer) for layer in layers], axis=0)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("L", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("RGB", "MPO", {}),
    ],
)
@pytest.mark.parametrize("size", [(960, 1300), (1920, 1920)])
def test_a_reduced_decode_gives_nearly_the_same_face(size, mode, kind, options, orientation):
    file = encoded(detailed(size).convert(mode), kind, exif=exif(orientation), **options)
    side = 0.8 * min(size)
    left, top = (size[0] - side) / 2, (size[1] - side) / 2
    box = (left, top, left + side, top + side)
    whole = Image.open(file).convert("RGB")
    stored = whole.resize((128, 128), Image.Resampling.LANCZOS, box=box)
    difference = np.abs(read_face(file, DEFAULT) - TURNS[orientation](np.asarray(stored, int)))
    assert difference.mean() < 0.5
    assert difference.max() <= 3


def lossless_jpeg(side, before=0):
    """Grey, of one level: every difference from the pixel before is 0, which is one bit.

    `before`: so many bytes of comments stand before the frame.
    """

    def segment(marker, body):
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    one_code = bytes([0, 1, *[0] * 15, 0])  # class and number, codes by length, their values
    frame = struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0])
    scan = bytes([1, 1, 0, 1, 0, 0])  # predictor 1: the pixel to the left
    comments = b"".join(
        segment(0xFE, bytes(min(60_000, before - start) - 4)) for start in range(0, before, 60_000)
    )
    head = comments + segment(0xC3, frame) + segment(0xC4, one_code) + segment(0xDA, scan)
    return io.BytesIO(b"\xff\xd8" + head + bytes(side * side // 8) + b"\xff\xd9")


@pytest.mark.parametrize("before", [0, (1 << 20) - 3])  # its mark lies across two reads
def test_a_lossless_jpeg_is_decoded_at_full_size(before):
    file = lossless_jpeg(960, before)
    assert not before or file.getvalue().index(b"\xff\xc3") == (1 << 20) - 1
    assert open_image(file, 480).size == (960, 960)
