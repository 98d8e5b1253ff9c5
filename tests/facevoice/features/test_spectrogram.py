"""Tests of spectrograms with tones and chirps, against librosa and values computed by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import math

import librosa
import numpy as np
import pytest
from scipy.signal import chirp, lfilter

from facevoice.features import (
    FeatureSettings,
    band_centres_hz,
    column_centres,
    levels_to_db,
    spectrogram,
)
from facevoice.features.spectrogram import filterbank, power_to_levels

LOG = FeatureSettings()
MEL = FeatureSettings(frequency_scale="mel")
# The published study's picture: 22 050 Hz, hop 512, 128 x 128.
STUDY = FeatureSettings(
    frequency_scale="mel",
    sample_rate_hz=22050,
    window_seconds=65024 / 22050,
    fft_size=2048,
    min_hz=0,
    max_hz=11025,
)
WHOLE_HOP = FeatureSettings(frequency_scale="mel", frames=121)  # 48 000 samples / 120 = hop 400
COARSE = FeatureSettings(window_seconds=0.5, bands=40, frames=17, fft_size=512, min_hz=100)
# Centres 18 an octave apart, as librosa's constant-Q transform (whole bands an octave) can have.
CQT = FeatureSettings(bands=121, frames=121, max_hz=60 * 2 ** (120 / 18))


def seconds(settings):
    return np.arange(settings.window_samples) / settings.sample_rate_hz


def tone(settings, hz, amplitude=0.3, phase=0.4):
    return (amplitude * np.sin(2 * np.pi * hz * seconds(settings) + phase)).astype(np.float32)


def noise(settings, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, settings.window_samples).astype(np.float32)


def voice_like(settings, seed=0):
    """Pulses at a gliding pitch through four formants, in syllables, over faint noise."""
    rng = np.random.default_rng(seed)
    rate, t = settings.sample_rate_hz, seconds(settings)
    pitch = 120 * 2 ** (0.25 * np.sin(2 * np.pi * 0.7 * t) + 0.02 * np.sin(2 * np.pi * 5 * t))
    sound = np.diff(np.floor(np.cumsum(pitch) / rate), prepend=0) + rng.normal(0, 0.02, len(t))
    for hz, width_hz in ((600, 80), (1200, 100), (2600, 150), (3500, 200)):
        radius = math.exp(-math.pi * width_hz / rate)
        sound = lfilter([1], [1, -2 * radius * math.cos(2 * math.pi * hz / rate), radius**2], sound)
    sound *= np.clip(np.sin(2 * np.pi * 2.1 * t) + 0.3, 0, None)
    sound = 0.5 * sound / np.abs(sound).max() + rng.normal(0, 1e-4, len(t))
    return sound.astype(np.float32)


def decibels(window, settings):
    return levels_to_db(spectrogram(window, settings), settings.floor_db)


def cqt_decibels(window, settings, bands_per_octave):
    """librosa's constant-Q transform on the axes and the floor of `settings`."""
    transform = np.abs(
        librosa.cqt(
            window,
            sr=settings.sample_rate_hz,
            hop_length=settings.window_samples // (settings.frames - 1),
            fmin=settings.min_hz,
            n_bins=settings.bands,
            bins_per_octave=bands_per_octave,
        )
    )
    return librosa.amplitude_to_db(transform, ref=np.max, top_db=-settings.floor_db)


# --- Shape and axes ---


@pytest.mark.parametrize(
    "settings",
    [LOG, MEL, STUDY, WHOLE_HOP, COARSE, dataclasses.replace(COARSE, fft_size=401, frames=2)],
)
def test_array_is_uint8_bands_by_frames(settings):
    levels = spectrogram(noise(settings), settings)
    assert levels.dtype == np.uint8
    assert levels.shape == (settings.bands, settings.frames) == settings.spectrogram_shape


@pytest.mark.parametrize("settings", [LOG, STUDY, WHOLE_HOP, COARSE])
def test_columns_are_centred_evenly_from_the_first_instant_to_the_end(settings):
    centres = column_centres(settings)
    ideal = [i * settings.window_samples / (settings.frames - 1) for i in range(settings.frames)]
    assert centres[0] == 0
    assert centres[-1] == settings.window_samples
    assert np.abs(centres - ideal).max() <= 0.5


@pytest.mark.parametrize("column", [0, 1, 63, 100, 127])
def test_a_click_is_loudest_in_the_column_centred_on_it(column):
    window = np.zeros(LOG.window_samples, np.float32)
    window[min(round(column * 48000 / 127), 47999)] = 1
    loudness = spectrogram(window, LOG).astype(int).sum(axis=0)
    assert loudness.argmax() == column


def test_log_rows_are_equal_steps_in_octaves():
    ideal = [60 * (7600 / 60) ** (i / 127) for i in range(128)]
    np.testing.assert_allclose(band_centres_hz(LOG), ideal)


def test_mel_rows_are_equal_steps_of_slaneys_formula():
    def to_mel(hz):
        return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)

    mels = [to_mel(hz) for hz in [60, *band_centres_hz(MEL), 7600]]
    np.testing.assert_allclose(np.diff(mels), (to_mel(7600) - to_mel(60)) / 129)


# --- Frequencies ---


@pytest.mark.parametrize(
    "settings",
    [
        dataclasses.replace(LOG, window_seconds=0.5, frames=9),
        dataclasses.replace(LOG, window_seconds=0.5, frames=9, fft_size=2048, bands=200),
        COARSE,
        dataclasses.replace(COARSE, sample_rate_hz=44100, max_hz=18000, fft_size=2048),
        dataclasses.replace(MEL, window_seconds=0.5, frames=9, bands=64),
    ],
)
def test_a_tone_peaks_in_its_band_or_within_a_bin_where_bands_are_narrower(settings):
    centres = band_centres_hz(settings)
    bin_hz = settings.sample_rate_hz / settings.fft_size
    for row, hz in enumerate(centres):
        peak = spectrogram(tone(settings, hz), settings)[:, 2:-2].sum(axis=1).argmax()
        narrowest = np.diff(centres[max(row - 1, 0) : row + 2]).min()
        if narrowest > bin_hz:
            assert peak == row
        else:
            assert abs(centres[peak] - hz) <= bin_hz


@pytest.mark.parametrize("settings", [LOG, CQT, dataclasses.replace(LOG, fft_size=2048)])
def test_an_exponential_chirp_draws_the_diagonal(settings):
    window = chirp(
        seconds(settings), settings.min_hz, 3, settings.max_hz, method="logarithmic"
    ).astype(np.float32)
    rows = spectrogram(window, settings).argmax(axis=0)
    columns = np.arange(settings.frames)
    # From 400 Hz on, where bands are no narrower than bins; without the window's cut ends.
    inner = (columns > 0.4 * settings.frames) & (columns < settings.frames - 3)
    slope, start = np.polyfit(columns[inner], rows[inner], 1)
    ideal = columns * (settings.bands - 1) / (settings.frames - 1)
    assert slope == pytest.approx((settings.bands - 1) / (settings.frames - 1), rel=0.02)
    assert np.abs(rows - (slope * columns + start))[inner].max() <= 1.2
    assert np.abs(rows - ideal)[inner].max() <= 1.5
    # Below, it may be off by as many bands as lie within one bin of 15.6 Hz.
    centres = band_centres_hz(settings)
    off_hz = np.abs(centres[rows] - np.interp(ideal, np.arange(settings.bands), centres))
    assert off_hz[3:][~inner[3:]][:-3].max() <= settings.sample_rate_hz / settings.fft_size


# --- Levels ---


@pytest.mark.parametrize("settings", [LOG, dataclasses.replace(LOG, fft_size=2048), COARSE])
def test_equal_tones_read_equal_levels_in_every_band(settings):
    centres = band_centres_hz(settings)
    middle = settings.bands // 2
    reference = tone(settings, centres[middle], phase=1.3)
    apart_hz = 6 * settings.sample_rate_hz / settings.fft_size
    differences = []
    for row, hz in enumerate(centres):
        if min(abs(hz - centres[middle]), hz, settings.sample_rate_hz / 2 - hz) > apart_hz:
            levels = decibels(tone(settings, hz) + reference, settings)[:, 4:-4]
            differences.append(np.median(levels[row] - levels[middle]))
    assert len(differences) > settings.bands / 2
    assert np.abs(differences).max() <= 0.5


@pytest.mark.parametrize(("low", "high"), [(64, 6000), (100, 2000), (250, 7000)])
def test_a_low_and_a_high_tone_of_equal_amplitude_peak_equally_high(low, high):
    levels = decibels(tone(LOG, low) + tone(LOG, high), LOG)[:, 4:-4]
    split = np.searchsorted(band_centres_hz(LOG), math.sqrt(low * high))
    assert abs(np.median(levels[:split].max(0) - levels[split:].max(0))) <= 1


@pytest.mark.parametrize("down_db", [6, 20, 40, 60])
def test_a_quieter_tone_reads_that_many_decibels_lower(down_db):
    centres = band_centres_hz(LOG)
    both = tone(LOG, centres[90]) + tone(LOG, centres[50], 0.3 * 10 ** (-down_db / 20))
    levels = np.median(decibels(both, LOG)[:, 4:-4], axis=1)
    assert levels[90] - levels[50] == pytest.approx(down_db, abs=0.4)


def test_levels_below_the_floor_are_zero():
    settings = dataclasses.replace(LOG, floor_db=-40)
    centres = band_centres_hz(settings)
    both = tone(settings, centres[100]) + tone(settings, centres[50], 0.3 * 10 ** (-45 / 20))
    levels = spectrogram(both, settings)
    assert not levels[40:60, 4:-4].any()
    assert (levels_to_db(levels, -40) >= -40).all()


@pytest.mark.parametrize("floor_db", [-80.0, -60.0, -120.0])
def test_the_value_v_means_floor_times_one_minus_v_over_255(floor_db):
    values = np.arange(256, dtype=np.uint8)
    by_hand = [floor_db * (1 - v / 255) for v in range(256)]
    np.testing.assert_allclose(levels_to_db(values, floor_db), by_hand)
    power = np.array([[10 ** (db / 10) for db in by_hand]], np.float32)
    np.testing.assert_array_equal(power_to_levels(power, floor_db)[0], values)


def test_levels_computed_by_hand():
    power = np.array([5.0, 5e-2, 5e-6, 4.9e-8, 5e-20, 0.0], np.float32)  # 0, -20, -60, < -80 dB
    assert power_to_levels(power, -80.0).tolist() == [255, 191, 64, 0, 0, 0]


@pytest.mark.parametrize("settings", [LOG, MEL, STUDY, COARSE])
@pytest.mark.parametrize("gain", [1e-4, 1.0, 1e30])
def test_the_maximum_is_255_and_gain_changes_nothing(settings, gain):
    window = noise(settings)
    with np.errstate(all="raise", under="ignore"):
        levels = spectrogram(window * np.float32(gain), settings)
    assert levels.max() == 255
    np.testing.assert_allclose(levels, spectrogram(window, settings), atol=1)


def test_sound_between_columns_gives_zeros():
    settings = dataclasses.replace(LOG, frames=8)  # columns 6857 samples apart look at 1024 each
    window = np.zeros(settings.window_samples, np.float32)
    window[3000:3050] = 0.5
    with np.errstate(all="raise"):
        assert not spectrogram(window, settings).any()


def test_the_window_is_not_modified():
    window = noise(LOG)
    before = window.copy()
    spectrogram(window, LOG)
    np.testing.assert_array_equal(window, before)


# --- The low end ---


@pytest.mark.parametrize(
    "settings",
    [
        LOG,
        dataclasses.replace(LOG, bands=513),
        dataclasses.replace(LOG, bands=256, fft_size=512),
        dataclasses.replace(LOG, bands=33, fft_size=64),
        dataclasses.replace(LOG, min_hz=1),
        dataclasses.replace(LOG, min_hz=20, max_hz=8000, fft_size=256),
        dataclasses.replace(LOG, min_hz=100, max_hz=110),
        dataclasses.replace(LOG, sample_rate_hz=48000, max_hz=24000),
    ],
)
def test_no_log_band_is_empty_and_each_looks_around_its_own_centre(settings):
    weights = filterbank(settings).astype(float)
    bin_hz = settings.sample_rate_hz / settings.fft_size
    assert (weights >= 0).all()
    assert (weights.max(axis=1) > 0).all()
    bins_hz = np.arange(settings.fft_size // 2 + 1) * bin_hz
    mean_hz = weights @ bins_hz / weights.sum(axis=1)
    spacing_hz = np.gradient(band_centres_hz(settings))
    assert (np.abs(mean_hz - band_centres_hz(settings)) <= np.maximum(bin_hz, spacing_hz)).all()


def test_bands_between_two_bins_are_linear_interpolations_of_them():
    weights = filterbank(LOG).astype(float)
    for row in range(40):  # up to about 270 Hz; bins are 15.625 Hz apart
        below, above = divmod(60 * (7600 / 60) ** (row / 127) / 15.625, 1)
        expected = np.zeros(513)
        expected[int(below)], expected[int(below) + 1] = 1 - above, above
        np.testing.assert_allclose(weights[row] / weights[row].sum(), expected, atol=1e-6)


def test_white_noise_fills_every_band():
    levels = decibels(noise(LOG), LOG)
    assert levels.mean(axis=1).min() > -40


def test_mel_bands_without_a_bin_are_refused_with_the_fields_to_change():
    with pytest.raises(ValueError, match=r"`bands` 128 .* `fft_size` 256"):
        FeatureSettings(frequency_scale="mel", bands=128, fft_size=256)


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("sample_rate_hz", [8000, 16000, 44100])
@pytest.mark.parametrize("fft_size", [256, 400, 1024])
@pytest.mark.parametrize("band_edges_hz", [(0, 4000), (60, 3600), (1000, 2000)])
def test_mel_settings_are_refused_if_and_only_if_librosa_has_an_empty_filter(
    sample_rate_hz, fft_size, band_edges_hz
):
    min_hz, max_hz = band_edges_hz
    for bands in (8, 20, 40, 64, 128):
        limits = {"fmin": min_hz, "fmax": max_hz, "n_mels": bands}
        weights = librosa.filters.mel(sr=sample_rate_hz, n_fft=fft_size, **limits)
        values = {"bands": bands, "min_hz": min_hz, "max_hz": max_hz, "fft_size": fft_size}
        values |= {"sample_rate_hz": sample_rate_hz, "frequency_scale": "mel"}
        empty = int((~weights.any(axis=1)).sum())
        refused = pytest.raises(ValueError, match=f"leaves {empty} bands? without")
        with refused if empty else contextlib.nullcontext():
            FeatureSettings(**values)


# --- Other people's transforms ---


@pytest.mark.parametrize("settings", [WHOLE_HOP, STUDY, dataclasses.replace(WHOLE_HOP, bands=40)])
@pytest.mark.parametrize("make_window", [voice_like, noise])
def test_mel_equals_librosas_within_one_level(settings, make_window):
    window = make_window(settings)
    hop, rest = divmod(settings.window_samples, settings.frames - 1)
    assert (hop, rest) in {(400, 0), (512, 0)}
    power = librosa.feature.melspectrogram(
        y=window,
        sr=settings.sample_rate_hz,
        n_fft=settings.fft_size,
        hop_length=hop,
        n_mels=settings.bands,
        fmin=settings.min_hz,
        fmax=settings.max_hz,
    )
    expected = np.rint(255 * (1 + librosa.power_to_db(power, ref=np.max, top_db=80) / 80))
    levels = spectrogram(window, settings).astype(int)
    assert np.abs(levels - expected).max() <= 1
    assert (levels == expected).mean() > 0.999


@pytest.mark.parametrize("seed", [0, 1])
def test_energy_follows_a_constant_q_transform(seed):
    """The correlation of decibels over all bands and columns is 0.92; above 240 Hz it is 0.97.

    The constant-Q transform looks at 0.4 s of its lowest band and at 4 ms of its highest; here
    every band sees 64 ms. That is the difference that is left. Typical levels lie 3 dB apart.
    """
    window = voice_like(CQT, seed)
    ours = decibels(window, CQT)
    theirs = cqt_decibels(window, CQT, bands_per_octave=18)
    assert ours.shape == theirs.shape
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.90
    assert np.corrcoef(ours[36:].ravel(), theirs[36:].ravel())[0, 1] > 0.95
    assert np.median(np.abs(ours - theirs)) < 5


# --- Settings ---


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bands", {"bands": 1}),
        ("bands", {"bands": 514}),
        ("bands", {"bands": 64.5}),
        ("frames", {"frames": 1}),
        ("frames", {"frames": 100.0}),
        ("fft_size", {"fft_size": 63}),
        ("fft_size", {"fft_size": 1 << 20}),
        ("min_hz", {"min_hz": 0}),
        ("min_hz", {"min_hz": -1, "frequency_scale": "mel"}),
        ("min_hz", {"min_hz": math.nan}),
        ("max_hz", {"max_hz": 60}),
        ("max_hz", {"max_hz": 8001}),
        ("max_hz", {"max_hz": math.nan}),
        ("floor_db", {"floor_db": 0}),
        ("floor_db", {"floor_db": 80}),
        ("floor_db", {"floor_db": -math.inf}),
        ("frequency_scale", {"frequency_scale": "bark"}),
    ],
)
def test_invalid_spectrogram_settings_are_refused_with_their_field(name, values):
    with pytest.raises(ValueError, match=rf"^`{name}` is .*\.$"):
        FeatureSettings(**values)
