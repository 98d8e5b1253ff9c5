"""Augmentation: random numbers, each function alone, and reading with augmentation."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.tools import read_records
from tfdata import ReadOptions, load
from tfdata.augmentation import (
    StatelessRandom,
    additive_noise,
    augment,
    color_jitter,
    random_affine,
    random_downscale,
    random_equalizer,
    random_erasing,
    spec_augment,
    time_shift,
)
from tfdata.augmentation.random_affine import resampled

FLOOR_DB = -80.0
LEVEL_DB = -FLOOR_DB / 255  # one level
KEYS = [f"person/video/{i}" for i in range(20_000)]


class InGraph(StatelessRandom):
    """Draws arrays in a graph, as reading does: outside of one, an example takes milliseconds."""

    def uniform_array(self, name, shape):
        return tf.function(super().uniform_array, autograph=False)(name, shape)


def draws_of(count, seed=0, epoch=0):
    return InGraph(tf.constant(KEYS[:count]), seed, epoch)


def some_faces(count=64, height=24, width=24):
    shape = (count, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def some_voices(count=64, bands=20, frames=31):
    """Each with a maximum of 255, as in a dataset."""
    levels = np.random.default_rng(0).integers(0, 200, (count, bands, frames, 1))
    levels[:, bands // 2, frames // 2] = 255
    return levels.astype(np.float32)


# StatelessRandom


def test_draws_are_uniform():
    for name, low, high in [("a", 0.0, 1.0), ("b", -3.0, 5.0)]:
        drawn = draws_of(20_000).uniform(name, low, high).numpy()
        assert drawn.dtype == np.float32
        assert low <= drawn.min() < drawn.max() <= high
        assert stats.kstest(drawn, "uniform", (low, high - low)).pvalue > 0.01
    field = draws_of(200).uniform_array("a", (10, 10)).numpy()
    assert field.shape == (200, 10, 10)
    assert 0 <= field.min() < field.max() < 1
    assert stats.kstest(field.ravel(), "uniform").pvalue > 0.01


def test_draws_of_other_names_seeds_epochs_and_keys_are_uncorrelated():
    first = draws_of(20_000).uniform("a").numpy()
    others = {
        "name": draws_of(20_000).uniform("b").numpy(),
        "seed": draws_of(20_000, seed=1).uniform("a").numpy(),
        "epoch": draws_of(20_000, epoch=1).uniform("a").numpy(),
        "key": np.roll(first, 1),
    }
    for what, other in others.items():
        cells, *_ = np.histogram2d(first, other, bins=8, range=[[0, 1], [0, 1]])
        assert stats.chisquare(cells.ravel()).pvalue > 0.01, what
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03, what
    assert (others["seed"] != others["epoch"]).all()


def test_a_draw_depends_on_its_key_only():
    whole = draws_of(50)
    part = StatelessRandom(tf.constant(KEYS[:50][::-3]), 0, 0)
    np.testing.assert_array_equal(part.uniform("a"), whole.uniform("a").numpy()[::-3])
    np.testing.assert_array_equal(
        part.uniform_array("a", (3, 2)), whole.uniform_array("a", (3, 2)).numpy()[::-3]
    )
    assert whole.uniform("a", rank=4).shape == (50, 1, 1, 1)
    np.testing.assert_array_equal(whole.uniform("a"), draws_of(50).uniform("a"))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_bernoulli_has_the_given_probability(share):
    chosen = draws_of(20_000).bernoulli("a", share).numpy()
    assert chosen.mean() == pytest.approx(share, abs=0.01 if 0 < share < 1 else 0)


# Each change alone

noise = functools.partial(additive_noise, floor_db=FLOOR_DB)
equalize = functools.partial(random_equalizer, floor_db=FLOOR_DB)
CHANGES = [
    *(
        (change, some_faces)
        for change in (random_affine, color_jitter, random_downscale, random_erasing)
    ),
    *((change, some_voices) for change in (time_shift, equalize, noise, spec_augment)),
]


@pytest.mark.parametrize(("change", "some"), CHANGES)
@pytest.mark.parametrize("shape", [(32, 32), (33, 57), (57, 35)])
def test_an_augmentation_keeps_the_shape_and_differs_between_examples(change, some, shape):
    before = some(32, *shape)
    after = change(tf.constant(before), draws_of(32)).numpy()
    assert after.shape == before.shape
    assert np.isfinite(after).all()
    assert (after != before).any()
    other = change(tf.constant(before), draws_of(32, epoch=1)).numpy()
    assert (after != other).any()
    same = change(tf.constant(before[4:7]), StatelessRandom(tf.constant(KEYS[4:7]), 0, 0)).numpy()
    np.testing.assert_allclose(same, after[4:7], atol=0.01)  # of 255: sums in another order


def test_a_spectrogram_of_one_band_or_one_frame_can_be_augmented():
    for shape in [(1, 9), (9, 1)]:
        arrays = {"spectrogram": tf.cast(some_voices(8, *shape), tf.uint8)}
        assert augment(arrays, draws_of(8), FLOOR_DB)["spectrogram"].shape == (8, *shape, 1)


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


def test_time_shift_rotates_uniformly():
    levels = some_voices(300, 5, 31)
    after = time_shift(tf.constant(levels), draws_of(300)).numpy()
    shifts = []
    for old, new in zip(levels, after, strict=True):
        (shift,) = (s for s in range(31) if np.array_equal(np.roll(old, -s, axis=1), new))
        shifts.append(shift)
    counts = np.bincount(shifts, minlength=31)
    assert stats.chisquare(counts).pvalue > 0.01


def test_random_equalizer_is_a_smooth_gain_over_bands_at_all_times():
    levels = some_voices(200, 60, 12)
    after = equalize(tf.constant(levels), draws_of(200), max_gain_db=4.0).numpy()
    curve_db = (after - levels) * LEVEL_DB
    assert np.ptp(curve_db, axis=2).max() < 1e-3
    curve_db = curve_db[:, :, 0, 0]
    assert 6 < np.abs(curve_db).max() <= 3 * 4.0
    # Three waves: the steepest that they can be at once is 4 * pi * (1 + 2 + 3) over all bands.
    assert np.abs(np.diff(curve_db, axis=1)).max() <= 4 * np.pi * 6 / 59
    assert np.abs(curve_db.mean(axis=0)).max() < 1
    half = equalize(tf.constant(levels), draws_of(200), max_gain_db=2.0).numpy() - levels
    np.testing.assert_allclose(half[:, :, 0, 0] * LEVEL_DB, curve_db / 2, atol=1e-3)


def powers(levels):
    return 10 ** (-(255 - levels) * LEVEL_DB / 10)


def test_additive_noise_raises_the_floor_and_keeps_the_maximum():
    levels = some_voices(200)
    after = noise(tf.constant(levels), draws_of(200), probability=1.0).numpy()
    assert after.max(axis=(1, 2, 3)) == pytest.approx(255, abs=1e-3)
    assert after.min() >= 0
    # Power is added, and then all of an example is brought down by as much.
    lowered = (levels - after).max(axis=(1, 2, 3), keepdims=True)
    assert (lowered > -1e-3).all()
    assert (after + lowered >= levels - 1e-3).all()
    quiet = np.where(levels < 20, after, np.nan)
    assert np.nanmean(quiet) > 60
    untouched = noise(tf.constant(levels), draws_of(200), probability=0.0).numpy()
    np.testing.assert_array_equal(untouched, levels)
    half = noise(tf.constant(levels), draws_of(200)).numpy()
    assert (half != levels).any(axis=(1, 2, 3)).mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 0.0])
def test_additive_noise_has_the_given_snr(snr_db):
    levels = some_voices(40, 40, 40)
    levels[:, :, 20:] = 0  # a pause, 80 dB below
    levels[:, 0, 0] = 255
    after = noise(
        tf.constant(levels),
        draws_of(40),
        probability=1.0,
        min_snr_db=snr_db,
        max_snr_db=snr_db,
        max_tilt_db=0.0,
    ).numpy()
    # Before the maximum was brought back to 255, in power: voice + noise, whose mean is known.
    voice = powers(levels)
    ratio = voice.mean(axis=(1, 2, 3)) * 10 ** (-snr_db / 10)
    pause = powers(after)[:, :, 20:]
    total = powers(after).mean(axis=(1, 2, 3)) / (voice.mean(axis=(1, 2, 3)) + ratio)
    assert pause.mean(axis=(1, 2, 3)) / total == pytest.approx(ratio, rel=0.15)
    # Exponential, as one bin of white noise: the deviation is the mean.
    spread = pause.std(axis=(1, 2, 3)) / pause.mean(axis=(1, 2, 3))
    assert spread.mean() == pytest.approx(1, abs=0.05)


def test_additive_noise_is_tilted_up_to_the_maximum():
    levels = np.zeros((200, 30, 60, 1), np.float32)
    levels[:, 0, 0] = 255
    after = noise(
        tf.constant(levels), draws_of(200), probability=1.0, min_snr_db=0.0, max_snr_db=0.0
    ).numpy()
    db = (after[:, :, 1:, 0] * LEVEL_DB).mean(axis=2)
    tilts = np.polyfit(np.linspace(-0.5, 0.5, 30), db.T, 1)[0]
    assert np.abs(tilts).max() < 22
    assert stats.kstest(tilts, "uniform", (-20, 40)).pvalue > 0.01


@pytest.mark.parametrize("masks", [0, 1, 2])
def test_spec_augment_masks_whole_bands_and_frames_up_to_the_maximum(masks):
    levels = np.random.default_rng(0).uniform(0, 255, (300, 40, 50, 1)).astype(np.float32)
    after = spec_augment(
        tf.constant(levels), draws_of(300), masks=masks, max_bands=0.1, max_frames=0.2
    ).numpy()
    mean = levels.mean(axis=(1, 2, 3), keepdims=True)
    hidden = (after != levels)[..., 0]
    every = np.broadcast_to(mean[..., 0], hidden.shape)
    np.testing.assert_allclose(after[hidden][:, 0], every[hidden], atol=0.01)
    bands, frames = hidden.all(axis=2), hidden.all(axis=1)
    np.testing.assert_array_equal(hidden, bands[:, :, None] | frames[:, None, :])
    assert bands.sum(axis=1).max() <= masks * 4
    assert frames.sum(axis=1).max() <= masks * 10
    if masks:
        assert bands.any(axis=0).all()
        assert frames.any(axis=0).all()


# All of them, and reading


def test_a_batch_stays_uint8_and_each_modality_is_augmented_alone():
    image, levels = (tf.cast(some(16), tf.uint8) for some in (some_faces, some_voices))
    both = augment({"image": image, "spectrogram": levels}, draws_of(16), FLOOR_DB)
    assert {name: array.dtype for name, array in both.items()} == {
        "image": tf.uint8,
        "spectrogram": tf.uint8,
    }
    for name, array in (("image", image), ("spectrogram", levels)):
        alone = augment({name: array}, draws_of(16), FLOOR_DB)
        assert list(alone) == [name]
        np.testing.assert_array_equal(alone[name], both[name])
        assert both[name].shape == array.shape
        assert (both[name].numpy() != array.numpy()).any(axis=(1, 2, 3)).all()


def read(data_set, **options):
    """Every example of the training split as bytes, in the order in which it is read."""
    return [
        image.tobytes() + spectrogram.tobytes()
        for features, _ in load(data_set, "train", "pair", ReadOptions(**options))
        for image, spectrogram in zip(
            features["image"].numpy(), features["spectrogram"].numpy(), strict=True
        )
    ]


@pytest.mark.slow
def test_augmentation_does_not_depend_on_the_position_in_the_batch(data_set):
    stored = read(data_set, augment=True, seed=3)
    assert stored == read(data_set, augment=True, seed=3, batch_size=7)
    shuffled = read(data_set, augment=True, seed=3, batch_size=5, shuffle_buffer=100)
    assert shuffled != stored
    assert sorted(shuffled) == sorted(stored)


def test_augmentation_depends_on_seed_and_epoch(data_set):
    plain = read(data_set)
    ways = [
        read(data_set, augment=True, seed=seed, epoch=epoch)
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    ]
    for examples in zip(plain, *ways, strict=True):
        assert len(set(examples)) == 4


def test_without_augmentation_an_example_is_as_stored(data_set):
    written = [
        record["image"] + record["spectrogram"] for record in read_records(data_set, "train")
    ]
    assert read(data_set, seed=5, epoch=3) == written
    (labels,) = (label.numpy() for _, label in load(data_set, "train", "image"))
    (same,) = (y.numpy() for _, y in load(data_set, "train", "image", ReadOptions(augment=True)))
    np.testing.assert_array_equal(labels, same)
