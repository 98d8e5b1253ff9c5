"""Tests of images with embedded colour profiles, against the formulas of their colour spaces."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from facevoice.features import FeatureSettings, read_face
from facevoice.features.color_profiles import to_srgb
from facevoice.features.image_decoding import open_image

CASES = Path(__file__).parents[4] / "shared/data/cases/icc"
# Linear RGB to XYZ, adapted to D50, from ICC's and Adobe's specifications.
TO_XYZ = {
    "Display P3": [
        [0.51512, 0.29198, 0.15710],
        [0.24120, 0.69225, 0.06657],
        [-0.00105, 0.04189, 0.78407],
    ],
    "Adobe RGB": [
        [0.60974, 0.20528, 0.14919],
        [0.31111, 0.62567, 0.06322],
        [0.01947, 0.06087, 0.74457],
    ],
}
SRGB_TO_XYZ = [
    [0.43607, 0.38515, 0.14307],
    [0.22249, 0.71687, 0.06061],
    [0.01392, 0.09708, 0.71410],
]
NAMES = (b"rXYZ", b"gXYZ", b"bXYZ")
GAMMA = 563 / 256  # 2.19921875 of Adobe RGB


def matrix_profile(space: str) -> bytes:
    """Returns an ICC profile (version 2) of three primaries and a gamma curve."""

    def xyz(values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 563) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    text += bytes(-len(text) % 4)
    columns = np.array(TO_XYZ[space]).T
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0x\0\0\0", b"wtpt": xyz((0.9642, 1, 0.8249))}
    tags |= {name: xyz(column) for name, column in zip(NAMES, columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(content))
        data += content
    head = struct.pack(">I", 132 + 12 * len(tags) + len(data)) + b"lcms\x02\x10\0\0mntrRGB XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + table + data


def expected_srgb(pixels, space):
    """Returns the levels in sRGB of levels in another space, by the formulas."""
    linear = (pixels / 255) ** GAMMA
    linear = linear @ np.array(TO_XYZ[space]).T @ np.linalg.inv(SRGB_TO_XYZ).T
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * curve


def encoded(pixels, mode="RGB", kind="PNG", **settings):
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **settings)
    file.seek(0)
    return file


PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("space", TO_XYZ)
def test_pixels_are_converted_to_srgb(space):
    image = open_image(encoded(PIXELS, icc_profile=matrix_profile(space)))
    difference = abs(np.asarray(image) - expected_srgb(PIXELS, space))
    assert difference.mean() < 0.5
    assert abs(PIXELS - expected_srgb(PIXELS, space)).mean() > 4  # without a conversion


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_other_modes_are_converted_too(mode):
    pixels = np.repeat(PIXELS[:2, :8], 4, axis=0)
    file = encoded(pixels, mode, icc_profile=matrix_profile("Display P3"))
    decoded = np.asarray(Image.open(file).convert("RGB"))
    file.seek(0)
    difference = abs(np.asarray(open_image(file)) - expected_srgb(decoded, "Display P3"))
    assert difference.mean() < 0.5


def test_a_transparent_colour_stays_transparent():
    pixels = np.repeat(PIXELS[:, :16], 2, axis=1)
    pixels[8:24] = (250, 10, 20)
    profile = matrix_profile("Display P3")
    file = encoded(pixels, icc_profile=profile, transparency=(250, 10, 20))
    image = np.asarray(open_image(file))
    assert (image[8:24] == 255).all()
    assert abs(image[:8] - expected_srgb(pixels[:8], "Display P3")).mean() < 0.5


def test_the_profile_of_srgb_changes_no_byte():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = open_image(encoded(PIXELS, icc_profile=profile))
    np.testing.assert_array_equal(np.asarray(image), PIXELS)


@pytest.mark.parametrize(
    "profile", [b"no profile", matrix_profile("Adobe RGB")[:200], b"\0" * (5 << 20)]
)
def test_a_damaged_profile_is_ignored(profile):
    image = Image.fromarray(PIXELS)
    image.info["icc_profile"] = profile
    assert to_srgb(image) is image


def test_a_profile_of_another_kind_of_image_is_ignored():
    image = Image.fromarray(PIXELS).convert("L")
    image.info["icc_profile"] = matrix_profile("Display P3")
    assert to_srgb(image) is image


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared media are not there")
@pytest.mark.parametrize("name", ["adobe_rgb.jpg", "display_p3.jpg"])
def test_faces_of_photographs_are_within_a_level_of_srgb(name):
    expected = read_face(CASES / "true_srgb.png", FeatureSettings()).astype(int)
    assert abs(read_face(CASES / name, FeatureSettings()) - expected).mean() < 1
