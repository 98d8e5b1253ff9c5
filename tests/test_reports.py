"""Parts of pages: axes, colours, weight, and numbers in words."""

from __future__ import annotations

import re

import librosa
import numpy as np
import pytest

from features import FeatureSettings, band_centres_hz
from reports.examples import Example, examples_grid, hz_marks, second_marks
from reports.pictures import colour_map
from reports.run_report import run_report
from reports.words import duration
from tfdata.schema import Leak


def marks(grid, kind, side):
    found = re.findall(rf'<span class="{kind}" style="{side}:([\d.]+)%">([\d.]+)', grid)
    return {float(value): float(place) / 100 for place, value in found}


def grid_of(settings):
    image = np.zeros((16, 16, 3), np.uint8)
    levels = np.zeros(settings.spectrogram_shape, np.uint8)
    shown = [Example("Ann", "train", "v", 0.0, image, levels)]
    return examples_grid(shown, band_centres_hz(settings), settings.window_seconds)


def test_marks_of_a_log_axis_stand_where_octaves_put_them():
    settings = FeatureSettings()
    found = marks(grid_of(settings), "hz", "bottom")
    assert list(found) == [100, 200, 500, 1000, 2000, 5000]
    for hz, place in found.items():
        row = np.log2(hz / 60) / np.log2(7600 / 60) * 127  # 0 is the lowest, at its middle
        assert place == pytest.approx((row + 0.5) / 128, abs=2e-4)


def test_marks_of_a_mel_axis_stand_where_librosa_puts_them():
    settings = FeatureSettings(frequency_scale="mel", min_hz=0, max_hz=8000, bands=64)
    found = marks(grid_of(settings), "hz", "bottom")
    assert {100, 500, 1000, 2000, 5000} <= found.keys()
    for hz, place in found.items():
        # 64 bands between 66 edges that are evenly spaced in mel, the first centre at edge 1.
        row = librosa.hz_to_mel(hz) / librosa.hz_to_mel(8000) * 65 - 1
        assert place == pytest.approx((row + 0.5) / 64, abs=1e-3)


def test_the_first_column_stands_at_the_start_and_the_last_at_the_end():
    found = marks(grid_of(FeatureSettings(frames=32, window_seconds=3.0)), "s", "left")
    assert list(found) == [0, 1, 2, 3]
    assert found[0] == pytest.approx(0.5 / 32, abs=1e-4)
    assert found[3] == pytest.approx(31.5 / 32, abs=1e-4)


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
def test_instants_are_round(seconds, expected):
    assert second_marks(seconds) == pytest.approx(expected)


def test_a_range_without_round_frequencies_has_its_ends_marked():
    assert hz_marks(np.linspace(310, 340, 16)) == [310, 340]


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


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        (Leak(60, 0, 0), "Measured on videos that training has not seen."),
        (Leak(60, 55, 7), "Of the 60 test pairs, 55 are of a video that is also in training and 7"),
    ],
)
def test_the_report_of_a_run_says_what_leaks_into_its_test(leak, words):
    test = {"accuracy": 0.5, "correct": 30, "pairs": 60, "low": 0.4, "high": 0.6}
    metrics = {
        "test": test | {"by_person": {"Ann": 0.5}},
        "validation": {"accuracy": 0.5},
        "chance": 0.5,
        "people": 2,
        "train_accuracy": 0.9,
        "parameters": 10,
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 1.0,
    }
    pictures = dict.fromkeys(("curves.png", "confusion.png", "samples.png"), "data:,")
    assert words in run_report("cnn_image", metrics, {}, {}, leak, pictures)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (26.5, "26.5 s"),
        (180, "3 min"),
        (216, "3 min 36 s"),
        (1620, "27 min"),
        (9720, "2 h 42 min"),
        (352 * 3600, "352 h"),
    ],
)
def test_durations_are_said_as_one_would(seconds, words):
    assert duration(seconds) == words


def test_twelve_detailed_pictures_stay_below_two_megabytes(tmp_path):
    """Noise, which no format compresses, at more pixels than the page shows."""
    draw = np.random.default_rng(0)
    noise = draw.integers(0, 256, (250, 250, 3), np.uint8)
    levels = draw.integers(0, 256, (128, 128), np.uint8)
    shown = [Example(f"Person {name}", "train", "v", 0.0, noise, levels) for name in range(12)]
    assert len(examples_grid(shown, np.geomspace(60, 7600, 128), 3.0)) < 2_000_000
