"""Parts of pages: axes, colours, weight, and numbers in words."""

from __future__ import annotations

import re

import librosa
import numpy as np
import pytest

from facevoice.features import FeatureSettings, band_centres_hz
from facevoice.reports.comparison import comparison_page, comparison_text
from facevoice.reports.examples import examples_grid, hz_marks, second_marks
from facevoice.reports.page import table
from facevoice.reports.pictures import colour_map
from facevoice.reports.run_report import run_report
from tfdata.examples import Example
from tfdata.manifest import Leak
from tfdata.text import duration


def marks(grid, kind, side):
    found = re.findall(rf'<span class="{kind}" style="{side}:([\d.]+)%">([\d.]+)', grid)
    return {float(value): float(place) / 100 for place, value in found}


def grid_of(settings):
    image = np.zeros((16, 16, 3), np.uint8)
    levels = np.zeros(settings.spectrogram_shape, np.uint8)
    shown = [("train", Example(image, levels, "Ann", "v", "key", "face", "audio", 0))]
    return examples_grid(
        shown, band_centres_hz(settings), settings.window_seconds, settings.sample_rate_hz
    )


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
        "model": "cnn_image",
        "test": test | {"by_person": {"Ann": 0.5}},
        "validation": {"accuracy": 0.5},
        "chance": 0.5,
        "people": 2,
        "train": {"accuracy": 0.9, "pairs": 400},
        "parameters": 10,
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 1.0,
    }
    pictures = dict.fromkeys(("curves.png", "confusion.png", "samples.png"), "data:,")
    page = run_report(
        "faces: rows of pixels", metrics, {"data": "/data/sample"}, {}, leak, pictures
    )
    assert words in page
    assert (
        "Faces: rows of pixels; 10 parameters. Trained on 400 pairs of 2 people of the data set "
        "sample for 3 epochs in 1 s; the weights of epoch 2 were kept."
    ) in page
    fusion = metrics | {"epochs": 0, "seconds": 90}
    page = run_report("both", fusion, {"data": "sample"}, {}, leak, pictures)
    assert "as two experts, in 1 min 30 s, and joined by weights" in page


def results_of(*models):
    test = {"accuracy": 0.75, "low": 0.5, "high": 0.875, "pairs": 60}
    found = {"test": test, "validation": {"accuracy": 0.5}, "train": {"accuracy": 0.9}}
    found |= {"chance": 0.25, "people": 4, "parameters": 1000, "epochs": 0, "seconds": 90.0}
    return dict.fromkeys(models, found)


def test_compared_models_are_bars_with_intervals_from_0_to_1_and_a_line_of_chance():
    page = comparison_page(results_of("cnn_image", "resnet_fusion"), Leak(60, 0, 0))
    assert page.count('<i style="width:75.00%"></i>') == 2
    assert page.count('<s style="left:50.00%;width:37.50%"></s>') == 2
    assert page.count('<u style="left:25.00%"></u>') == 2
    assert 'href="resnet_fusion/report.html"' in page


def test_the_study_is_quoted_of_its_own_models_alone():
    text = comparison_text(results_of("cnn_image", "resnet_fusion"))
    head, own, new, caveat = text.splitlines()
    assert own.split()[-2:] == ["100.0%", "84.5%"]
    assert new.split()[-2:] == ["-", "-"]
    assert len(head) == len(own)
    assert caveat.startswith("The study's figures")
    assert "The study's" not in comparison_text(results_of("resnet_fusion"))


def test_settings_within_settings_have_a_row_of_their_own():
    rows = table({"experts": {"a": {"rate": 1}, "b": {"rate": 2}}, "software": {"keras": "3"}})
    assert "<th>experts, b</th><td>rate 2</td>" in rows
    assert "<th>software</th><td>keras 3</td>" in rows


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
    shown = [
        ("train", Example(noise, levels, f"Person {name}", "v", "key", "face", "audio", 0))
        for name in range(12)
    ]
    assert len(examples_grid(shown, np.geomspace(60, 7600, 128), 3.0, 16_000)) < 2_000_000
