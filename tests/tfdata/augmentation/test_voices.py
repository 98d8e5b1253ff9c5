"""Each augmentation of voices alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.tfdata.augmentation.inputs import FLOOR_DB, draws_of, equalize, noise, some_voices
from tfdata.augmentation import augment, spec_augment, time_shift

LEVEL_DB = -FLOOR_DB / 255  # one level


def test_a_spectrogram_of_one_band_or_one_frame_can_be_augmented():
    for shape in [(1, 9), (9, 1)]:
        arrays = {"spectrogram": tf.cast(some_voices(8, *shape), tf.uint8)}
        assert augment(arrays, draws_of(8), FLOOR_DB)["spectrogram"].shape == (8, *shape, 1)


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
