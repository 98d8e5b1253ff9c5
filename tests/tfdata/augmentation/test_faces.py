"""Each augmentation of faces alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.tfdata.augmentation.inputs import draws_of, some_faces
from tfdata.augmentation import (
    color_jitter,
    random_affine,
    random_downscale,
    random_erasing,
)
from tfdata.augmentation.random_affine import resampled


def test_random_affine_flips_half_of_the_images():
    images = some_faces(400, 9, 12)
    moved = random_affine(
        tf.constant(images), draws_of(400), max_shift=0, max_log_scale=0, max_angle=0
    ).numpy()
    same = (moved == images).all(axis=(1, 2, 3))
    mirrored = (moved == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert mirrored.mean() == pytest.approx(0.5, abs=0.08)


def centre_of(images):
    """Centre of mass of each image: row and column, from the centre of the image."""
    light = images.sum(axis=3)
    height, width = light.shape[1:]
    rows = (light.sum(axis=2) * (np.arange(height) - (height - 1) / 2)).sum(axis=1)
    columns = (light.sum(axis=1) * (np.arange(width) - (width - 1) / 2)).sum(axis=1)
    return np.stack([rows, columns], axis=1) / light.sum(axis=(1, 2))[:, None]


def spots(count, row, column, size=65):
    """Images of a round spot at an offset from the centre."""
    rows, columns = np.mgrid[:size, :size] - size // 2
    spot = 200 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18)
    return np.tile(spot[None, ..., None], (count, 1, 1, 3)).astype(np.float32)


def test_random_affine_shifts_uniformly_up_to_the_maximum():
    moved = random_affine(
        tf.constant(spots(300, 0, 0)), draws_of(300), max_shift=0.1, max_log_scale=0, max_angle=0
    )
    shifts = centre_of(moved.numpy()) / 65
    for axis in (0, 1):
        assert np.abs(shifts[:, axis]).max() <= 0.101
        assert stats.kstest(shifts[:, axis], "uniform", (-0.1, 0.2)).pvalue > 0.01


def test_random_affine_rotates_and_scales_about_the_centre_up_to_the_maximum():
    before = tf.constant(spots(300, -14, 0))
    turned = centre_of(
        random_affine(before, draws_of(300), max_shift=0, max_log_scale=0, max_angle=0.3).numpy()
    )
    assert np.hypot(*turned.T) == pytest.approx(14, abs=0.1)
    angles = np.arctan2(turned[:, 1], -turned[:, 0])
    assert np.abs(angles).max() <= 0.303
    assert stats.kstest(angles, "uniform", (-0.3, 0.6)).pvalue > 0.01

    zoomed = centre_of(
        random_affine(before, draws_of(300), max_shift=0, max_log_scale=0.2, max_angle=0).numpy()
    )
    assert np.abs(zoomed[:, 1]).max() < 0.01
    scales = np.log(-zoomed[:, 0] / 14)
    assert np.abs(scales).max() <= 0.205
    assert stats.kstest(scales, "uniform", (-0.2, 0.4)).pvalue > 0.01


def test_resampling_equals_that_of_tensorflow():
    images = tf.constant(some_faces(40, 17, 23))
    transforms = np.random.default_rng(0).normal(0, 1, (40, 8)).astype(np.float32)
    transforms[:, [2, 5]] *= 20  # also from outside of the image
    transforms[:, 6:] = 0
    expected = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[17, 23],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    found = resampled(images, tf.reshape(transforms[:, :6], [-1, 2, 3]))
    np.testing.assert_allclose(found, expected, atol=0.02)  # of 255


def relit(images, **strengths):
    nothing = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "tint": 0.0}
    return color_jitter(tf.constant(images), draws_of(len(images)), **(nothing | strengths)).numpy()


def test_color_jitter_changes_brightness_contrast_saturation_and_tint():
    images = some_faces(200)
    np.testing.assert_allclose(relit(images), images, atol=1e-3)

    brighter = relit(images, brightness=20) - images
    assert np.ptp(brighter, axis=(1, 2, 3)).max() < 1e-3  # the same everywhere
    assert stats.kstest(brighter[:, 0, 0, 0], "uniform", (-20, 40)).pvalue > 0.01

    contrasts = relit(images, contrast=0.3)
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    assert contrasts.mean(axis=(1, 2, 3)) == pytest.approx(mean.ravel(), abs=1e-2)
    factors = contrasts.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    expected = mean + (images - mean) * factors[:, None, None, None]
    np.testing.assert_allclose(contrasts, expected, atol=0.01)
    assert stats.kstest(np.log(factors), "uniform", (-0.3, 0.6)).pvalue > 0.01

    grey = images.mean(axis=3, keepdims=True)
    paler = relit(images, saturation=0.6)
    np.testing.assert_allclose(paler.mean(axis=3, keepdims=True), grey, atol=1e-2)
    colours = (paler - grey).std(axis=(1, 2, 3)) / (images - grey).std(axis=(1, 2, 3))
    assert stats.kstest(colours, "uniform", (0.4, 0.8)).pvalue > 0.01

    tints = relit(images, tint=0.15).sum(axis=(1, 2)) / images.sum(axis=(1, 2)) - 1
    for colour in range(3):
        assert stats.kstest(tints[:, colour], "uniform", (-0.15, 0.3)).pvalue > 0.01


def test_random_downscale_changes_some_images():
    images = some_faces(400, 64, 64)
    assert (
        random_downscale(tf.constant(images), draws_of(400), probability=0).numpy() == images
    ).all()
    after = random_downscale(tf.constant(images), draws_of(400), probability=0.4).numpy()
    changed = (after != images).any(axis=(1, 2, 3))
    assert changed.mean() == pytest.approx(1 - 0.8**2, abs=0.06)  # half of the share each
    # What is left of random levels is their mean over 2 x 2 or 4 x 4.
    assert after[changed].std() < images.std() / 2
    assert after[changed].mean() == pytest.approx(images[changed].mean(), abs=0.5)


@pytest.mark.parametrize("size", [(64, 64), (65, 49), (49, 95)])
def test_random_downscale_does_not_shift_the_image(size):
    height, width = size
    ramp = np.add.outer(2.0 * np.arange(height), 0.5 * np.arange(width))[None, ..., None]
    images = np.tile(ramp, (50, 1, 1, 3)).astype(np.float32)
    after = random_downscale(tf.constant(images), draws_of(50), probability=1.0).numpy()
    assert (after != images).any()
    inside = np.s_[:, 8:-8, 8:-8]  # beyond the edges there is no ramp
    np.testing.assert_allclose(after[inside], images[inside], atol=0.2)


def test_random_erasing_fills_a_rectangle_with_one_grey():
    images = some_faces(300, 40, 30)
    after = random_erasing(
        tf.constant(images), draws_of(300), probability=1.0, max_side=0.4
    ).numpy()
    hidden = (after != images).any(axis=3)
    greys = [set(face[place].ravel().tolist()) for face, place in zip(after, hidden, strict=True)]
    assert all(len(grey) <= 1 for grey in greys)
    drawn = [grey.pop() for grey in greys if grey]
    assert stats.kstest(drawn, "uniform", (0, 255)).pvalue > 0.01
    some = random_erasing(tf.constant(images), draws_of(300), probability=0.3, max_side=0.4).numpy()
    assert 0.2 < (some != images).any(axis=(1, 2, 3)).mean() < 0.4
    heights, widths = hidden.any(axis=2).sum(axis=1), hidden.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(hidden.sum(axis=(1, 2)), heights * widths)  # a rectangle
    assert 0.3 * 40 < heights.max() <= 0.4 * 40
    assert 0.3 * 30 < widths.max() <= 0.4 * 30
    assert hidden.any(axis=0).mean() > 0.85  # anywhere, but seldom in a corner
