"""Crops have the eyes and the mouth at their places, antialiased and without distortion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from facevoice.features.alignment import Similarity, crop_places, fit_similarity, resample

RANDOM = np.random.default_rng(5)
PLACES = np.array([[0.355, 0.42], [0.645, 0.42], [0.5, 0.74]])


def as_complex(points):
    return points @ np.array([1, 1j])


def turned(degrees, scale, centre, size):
    """The similarity that moves a point of a picture to the middle of a crop."""
    factor = scale * np.exp(1j * np.radians(degrees))
    return Similarity(factor, complex(size / 2, size / 2) - factor * complex(*centre))


def textured(width, height):
    """A photograph's spectrum: the amplitude falls as 1 / frequency."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    spectrum = np.fft.fft2(np.random.default_rng(3).normal(size=(height, width)))
    image = np.fft.ifft2(spectrum / np.maximum(np.hypot(fx, fy), 1 / width)).real
    return Image.fromarray(
        np.clip(128 + 50 * image / image.std(), 0, 255).astype(np.uint8)
    ).convert("RGB")


def lanczos_crop(image, to_crop, size):
    """Samples a picture with a turned Lanczos kernel of the crop's resolution, pixel by pixel."""
    pixels = np.asarray(image)[:, :, 0].astype(float)
    to_picture = to_crop.inverse()
    width = max(1, to_picture.scale)
    reach = math.ceil(4.5 * width)
    grid = np.arange(-reach, reach + 1)
    crop = np.zeros((size, size))
    for y, x in np.ndindex(size, size):
        at = to_picture(complex(x + 0.5, y + 0.5))
        i, j = math.floor(at.imag) + grid[:, None], math.floor(at.real) + grid[None]
        away = ((j + 0.5 - at.real) + 1j * (i + 0.5 - at.imag)) * to_crop.factor
        away *= to_picture.scale / width
        weights = np.prod(
            [np.where(abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0) for d in (away.real, away.imag)],
            axis=0,
        )
        inside = pixels[np.clip(i, 0, len(pixels) - 1), np.clip(j, 0, pixels.shape[1] - 1)]
        crop[y, x] = (weights * inside).sum() / weights.sum()
    return np.clip(crop, 0, 255)


def test_a_similarity_is_found_again():
    points = RANDOM.normal(size=(3, 2))
    true = turned(30, 2.5, (3, 4), 128)
    moved = true(as_complex(points))
    found = fit_similarity(points, np.stack([moved.real, moved.imag], axis=1))
    assert found.factor == pytest.approx(true.factor)
    assert found.offset == pytest.approx(true.offset)


def test_the_fit_has_the_least_squares():
    points, places = RANDOM.normal(size=(2, 3, 2))
    # x' = a x - b y + c, y' = b x + a y + d
    rows = [[x, -y, 1, 0] for x, y in points] + [[y, x, 0, 1] for x, y in points]
    a, b, c, d = np.linalg.lstsq(np.array(rows), places.T.ravel(), rcond=None)[0]
    found = fit_similarity(points, places)
    assert found.factor == pytest.approx(complex(a, b))
    assert found.offset == pytest.approx(complex(c, d))


def test_equal_points_have_no_similarity():
    with pytest.raises(ValueError, match="the same"):
        fit_similarity(np.ones((3, 2)), PLACES)


def test_a_wider_crop_has_the_places_nearer_to_its_middle():
    np.testing.assert_allclose(crop_places(PLACES, 1.0, 100), 100 * PLACES)
    np.testing.assert_allclose(crop_places(PLACES, 0.5, 100), 200 * PLACES - 50)


@pytest.mark.parametrize("pixels", [0.7, 1.6, 3.4, 9.0])
def test_points_lie_at_their_places(pixels):
    """Dots at turned, scaled points of a picture have their centres of mass at the places."""
    size, dot_px = 64, 4 * max(1, pixels)
    places = crop_places(PLACES, 0.8, size)
    points = turned(20, 1 / pixels, (320, 300), size).inverse()(as_complex(places))
    y, x = np.mgrid[:600, :640] + 0.5
    blobs = sum(np.exp(-(abs(x + 1j * y - p) ** 2) / (2 * (dot_px / 2) ** 2)) for p in points)
    image = Image.fromarray((200 * np.clip(blobs, 0, 1)).astype(np.uint8)).convert("RGB")
    to_crop = fit_similarity(np.stack([points.real, points.imag], axis=1), places)
    crop = np.asarray(resample(image, to_crop, size))[:, :, 0].astype(float)
    cy, cx = np.mgrid[:size, :size] + 0.5
    for place_x, place_y in places:
        near = crop * (np.hypot(cx - place_x, cy - place_y) < 8)
        found = (near * cx).sum() / near.sum(), (near * cy).sum() / near.sum()
        np.testing.assert_allclose(found, (place_x, place_y), atol=0.15)


@pytest.mark.parametrize("pixels", [0.6, 1.0, 1.5, 2.6, 5.0, 9.0])
@pytest.mark.parametrize("degrees", [0, 17])
def test_resampling_is_antialiased(pixels, degrees):
    image, size = textured(400, 360), 24
    to_crop = turned(degrees, 1 / pixels, (200, 180), size)
    crop = np.asarray(resample(image, to_crop, size))[:, :, 0]
    assert np.abs(crop - lanczos_crop(image, to_crop, size)).mean() < 3


def test_fine_stripes_become_grey():
    """Stripes of one pixel alias to wide stripes where pixels are picked."""
    stripes = np.zeros((900, 900, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = np.asarray(resample(Image.fromarray(stripes), turned(9, 1 / 5.3, (450, 450), 64), 64))
    assert np.abs(crop.astype(int) - 127).max() <= 4


@pytest.mark.parametrize("pixels", [0.5, 2.0, 6.5])
def test_outside_of_the_picture_its_edge_is_repeated(pixels):
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :50], image[:, 50:] = (250, 10, 10), (10, 10, 250)
    crop = np.asarray(resample(Image.fromarray(image), turned(0, 1 / pixels, (50, 0), 32), 32))
    left, right = (
        np.abs(crop[:, part].astype(int) - colour).max()
        for part, colour in ((slice(0, 13), (250, 10, 10)), (slice(19, 32), (10, 10, 250)))
    )
    assert max(left, right) <= 12


def test_a_crop_far_outside_is_an_edge():
    image = Image.new("RGB", (20, 20), (7, 8, 9))
    assert (
        np.asarray(resample(image, turned(10, 1, (90, 90), 16), 16)).tolist()
        == [[[7, 8, 9]] * 16] * 16
    )
