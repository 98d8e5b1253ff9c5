"""Tests of corruptions against noise in samples and against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from facevoice.evaluation.corruptions import add_noise, blur, cover
from facevoice.features import FeatureSettings, levels_to_db, spectrogram

SETTINGS = [
    FeatureSettings(),
    FeatureSettings(frequency_scale="mel", bands=64, frames=90),
    FeatureSettings(sample_rate_hz=8000, max_hz=3800.0, bands=40, fft_size=400),
]


def a_voice(settings, seed):
    """Samples with a gliding pitch, three formants, pauses, and a quiet room."""
    drawn, rate_hz = np.random.default_rng(seed), settings.sample_rate_hz
    seconds = np.arange(settings.window_samples) / rate_hz
    base_hz = drawn.uniform(90, 220)
    turns = 2 * np.pi * np.cumsum(base_hz * (1 + 0.1 * np.sin(19 * seconds))) / rate_hz
    samples = np.zeros(len(seconds))
    for harmonic in range(1, int(rate_hz / 2 / base_hz / 1.1)):
        hz = harmonic * base_hz
        formants = ((500, 120, 1.0), (1500, 200, 0.4), (2500, 300, 0.2))
        loudness = sum(
            peak * np.exp(-(((hz - at) / width) ** 2) / 2) for at, width, peak in formants
        )
        samples += (loudness + 1e-3) * np.cos(harmonic * turns + drawn.uniform(0, 2 * np.pi))
    samples *= np.clip(np.sin(2 * np.pi * 2.2 * seconds), 0, None) ** 0.5
    return samples + drawn.normal(0, 1e-4, len(samples))


def power_within(samples, settings):
    """Sum over the FFT of all samples, from min_hz to max_hz."""
    hz = np.fft.rfftfreq(len(samples), 1 / settings.sample_rate_hz)
    power = np.abs(np.fft.rfft(samples)) ** 2
    return power[(hz >= settings.min_hz) & (hz <= settings.max_hz)].sum()


def decibels(samples, settings):
    return levels_to_db(spectrogram(samples.astype(np.float32), settings), settings.floor_db)


def neighbours_agree(db):
    """Correlation of one band with the next, over time."""
    deviations = db - db.mean(axis=1, keepdims=True)
    return (deviations[1:] * deviations[:-1]).sum() / (deviations**2).sum()


@pytest.mark.parametrize("settings", SETTINGS, ids=["log", "mel", "8 kHz"])
@pytest.mark.parametrize("snr_db", [20, 10, 0])
def test_noise_in_a_spectrogram_equals_noise_in_the_samples(settings, snr_db):
    drawn = np.random.default_rng(1)
    references, ours, clean = [], [], []
    for seed in range(6):
        voice = a_voice(settings, seed)
        noise = drawn.normal(size=len(voice))
        ratio = power_within(voice, settings) / power_within(noise, settings)
        references.append(decibels(voice + noise * (ratio / 10 ** (snr_db / 10)) ** 0.5, settings))
        levels = spectrogram(voice.astype(np.float32), settings)
        clean.append(levels_to_db(levels, settings.floor_db))
        ours.append(levels_to_db(add_noise(levels, snr_db, settings, drawn), settings.floor_db))
    reference, our, quiet = map(np.concatenate, (references, ours, clean))
    # Noise that never cancels a voice of equal power is 1.6 dB too loud there.
    assert our.mean() == pytest.approx(reference.mean(), abs=0.5)
    assert our.std() == pytest.approx(reference.std(), abs=0.5)
    by_band = np.mean(ours, axis=(0, 2)) - np.mean(references, axis=(0, 2))
    assert np.abs(by_band).max() < 1

    # Where noise is all there is, it is as rough, and neighbours are as much alike.
    noise_only = quiet < reference.mean() - 20
    assert noise_only.mean() > 0.1
    assert our[noise_only].mean() == pytest.approx(reference[noise_only].mean(), abs=0.5)
    assert our[noise_only].std() == pytest.approx(reference[noise_only].std(), rel=0.05)


def test_noise_is_correlated_between_bands_as_in_a_recording():
    settings = SETTINGS[0]
    seconds = np.arange(settings.window_samples) / settings.sample_rate_hz
    tone = spectrogram(np.cos(2 * np.pi * 1000 * seconds).astype(np.float32), settings)
    buried = levels_to_db(
        add_noise(tone, -40, settings, np.random.default_rng(0)), settings.floor_db
    )
    noise = decibels(np.random.default_rng(1).normal(size=len(seconds)), settings)
    for bands in (np.s_[:40], np.s_[-40:]):
        expected = neighbours_agree(noise[bands])
        assert expected > 0.25
        assert neighbours_agree(buried[bands]) == pytest.approx(expected, abs=0.05)


def test_noise_depends_on_the_generator_only_and_raises_the_levels():
    settings = SETTINGS[0]
    levels = spectrogram(a_voice(settings, 0).astype(np.float32), settings)
    first, again, other = (
        add_noise(levels, 10, settings, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert first.dtype == np.uint8
    assert first.shape == levels.shape
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert first.max() == 255
    means = [
        add_noise(levels, snr_db, settings, np.random.default_rng(0)).mean()
        for snr_db in (60, 40, 20, 10, 0)
    ]
    assert [levels.mean(), *means] == sorted([levels.mean(), *means])
    faint = add_noise(levels, 200, settings, np.random.default_rng(0))
    np.testing.assert_array_equal(faint, levels)


@pytest.mark.parametrize("share", [0.02, 0.04, 0.08])
@pytest.mark.parametrize("side", [128, 97])
def test_a_blurred_face_is_a_gaussian_of_it(share, side):
    drawn = np.random.default_rng(side)
    coarse = drawn.integers(0, 256, (12, 12, 3)).astype(np.float64)
    image = ndimage.zoom(coarse, (side / 12, side / 12, 1), order=1).round().astype(np.uint8)
    sigma = share * side
    expected = ndimage.gaussian_filter(
        image.astype(np.float64), (sigma, sigma, 0), mode="nearest", truncate=6
    )
    found = blur(image, share)
    assert found.dtype == np.uint8
    # Pillow blurs three times by a box in place of once by a Gaussian; what it takes to lie beyond
    # the edges differs as well, so that they are left out.
    edge = round(3 * sigma)
    difference = (found - expected)[edge:-edge, edge:-edge]
    assert np.abs(difference).max() < 4
    assert np.abs(difference).mean() < 1
    assert abs(difference.mean()) < 0.5


@pytest.mark.parametrize("share", [0.02, 0.04, 0.08])
def test_the_deviation_of_a_blur_is_that_share_of_the_side(share):
    image = np.zeros((128, 128, 3), np.uint8)
    image[64:] = 255
    slope = np.diff(blur(image, share)[:, 64, 1].astype(float))
    rows, weights = np.arange(len(slope)), slope / slope.sum()
    deviation = (weights * (rows - weights @ rows) ** 2).sum() ** 0.5
    assert deviation == pytest.approx(share * 128, rel=0.02)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("side", [128, 97, 7])
def test_a_covered_face_has_a_black_square_over_that_share(share, side):
    image = np.random.default_rng(0).integers(1, 256, (side, side, 3), np.uint8)
    before = image.copy()
    corners = set()
    for seed in range(20):
        found = cover(image, share, np.random.default_rng(seed))
        black = (found == 0).all(axis=2)
        np.testing.assert_array_equal(found[~black], image[~black])
        length = round(share**0.5 * side)
        assert black.sum() == length**2
        # A side is off by half a pixel at most.
        assert black.sum() == pytest.approx(share * side**2, abs=share**0.5 * side + 0.25)
        if length:
            rows, columns = np.flatnonzero(black.any(axis=1)), np.flatnonzero(black.any(axis=0))
            assert len(rows) == len(columns) == length
            assert rows[-1] - rows[0] == columns[-1] - columns[0] == length - 1
            corners.add((rows[0], columns[0]))
    np.testing.assert_array_equal(image, before)
    assert len(corners) > 1 or share in (0, 1)
