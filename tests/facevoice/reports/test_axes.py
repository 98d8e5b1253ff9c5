"""Axes and colours of spectrograms, and the size of examples in pages."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports.axes import frequency_axis, frequency_ticks, time_axis, time_ticks
from facevoice.reports.examples import example_grid
from facevoice.reports.image_encoding import colour_map
from tfdata.examples import Example


def test_ticks_of_a_log_axis_are_at_their_octaves():
    axis = frequency_axis(band_centres_hz(FeatureSettings()))
    assert [tick.label for tick in axis] == ["100", "200", "500", "1000", "2000", "5000"]
    for tick in axis:
        band = np.log2(float(tick.label) / 60) / np.log2(7600 / 60) * 127  # 0 is the lowest
        assert tick.position == pytest.approx((band + 0.5) / 128, abs=2e-4)


def test_ticks_of_a_mel_axis_agree_with_librosa():
    settings = FeatureSettings(frequency_scale="mel", min_hz=0, max_hz=8000, bands=64)
    axis = frequency_axis(band_centres_hz(settings))
    assert {"100", "500", "1000", "2000", "5000"} <= {tick.label for tick in axis}
    for tick in axis:
        # 64 bands between 66 edges that are evenly spaced in mel, the first centre at edge 1.
        band = librosa.hz_to_mel(float(tick.label)) / librosa.hz_to_mel(8000) * 65 - 1
        assert tick.position == pytest.approx((band + 0.5) / 64, abs=1e-3)


def test_the_first_column_is_at_the_start_and_the_last_at_the_end():
    axis = time_axis(window_seconds=3.0, frames=32)
    assert [tick.label for tick in axis] == ["0", "1", "2", "3 s"]
    assert axis[0].position == pytest.approx(0.5 / 32, abs=1e-4)
    assert axis[-1].position == pytest.approx(31.5 / 32, abs=1e-4)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (2.5, [0, 0.5, 1, 1.5, 2, 2.5]),
        (4.2, [0, 1, 2, 3, 4]),
        (10, [0, 2, 4, 6, 8, 10]),
        (600, [0, 200, 400, 600]),
    ],
)
def test_times_are_round(seconds, expected):
    assert time_ticks(seconds) == pytest.approx(expected)


def test_a_range_without_round_frequencies_has_ticks_at_its_ends():
    assert frequency_ticks(np.linspace(310, 340, 16)) == [310, 340]


def test_louder_is_always_lighter():
    """In CIE lightness, by the formula of the sRGB standard, in nearly equal steps."""
    srgb = colour_map() / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(
        luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27
    )
    steps = np.diff(lightness)
    assert lightness[0] < 3
    assert lightness[-1] > 95
    assert steps.min() > 0
    assert steps.max() < 2 * steps.mean()


def test_twelve_detailed_examples_stay_below_two_megabytes():
    """Noise, which no format compresses, with more pixels than the page shows."""
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (250, 250, 3), np.uint8)
    spectrogram = draw.integers(0, 256, (128, 128), np.uint8)
    examples = [
        ("train", Example(image, spectrogram, f"Person {i}", "v", "key", "face", "audio", 0))
        for i in range(12)
    ]
    views = example_grid(examples, FeatureSettings(), {}).examples
    assert sum(len(view.face) + len(view.spectrogram) for view in views) < 2_000_000
