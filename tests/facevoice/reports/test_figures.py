"""What figures show: terms, units, points, counts and colours; nothing is rendered."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from facevoice.reports.chart_style import FAINT, SPLIT_COLOURS
from facevoice.reports.error_analysis_figures import robustness_curves
from facevoice.reports.evaluation_figures import confusion_matrix, det_curve, reliability_diagram
from facevoice.reports.inspection_figures import level_histograms
from facevoice.reports.media_figures import confused_pairs, example_grid
from facevoice.reports.training_figures import learning_curves
from tests.facevoice.reports.metrics import ROBUSTNESS
from tfdata.examples import Example
from tfdata.schema import IMAGE, SPECTROGRAM

FACE = np.zeros((16, 16, 3), np.uint8)
LEVELS = np.zeros((24, 32), np.uint8)
HZ = np.geomspace(60, 7600, 24)


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """The figures that are drawn."""
    found = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **settings: found.append(figure))
    return found


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("epochs", [1, 4])
def test_each_epoch_is_a_point_in_the_colour_of_its_split(drawn, epochs):
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    learning_curves({name: [0.5] * epochs for name in names}, best_epoch=1, augmented=True)
    for axes in drawn[0].axes:
        training, validation, kept = axes.lines
        assert training.get_marker() == validation.get_marker() == "o"
        assert len(training.get_xdata()) == epochs
        assert training.get_color() == SPLIT_COLOURS["train"]
        assert validation.get_color() == SPLIT_COLOURS["validation"]
        assert list(kept.get_xdata()) == [1, 1]
        assert all(tick == round(tick) for tick in axes.get_xticks())
    assert {"Training, augmented", "Validation", "Epoch", "Loss", "Accuracy"} <= set(
        texts(drawn[0])
    )


def test_bins_of_confidence_are_bars_with_counts_and_intervals(drawn):
    reliability_diagram([0, 3, 1200], [0, 1 / 3, 0.75], [(0, 0), (0.06, 0.8), (0.7, 0.8)])
    (axes,) = drawn[0].axes
    assert [bar.get_height() for bar in axes.patches] == [1 / 3, 0.75]
    assert len(axes.lines) == 1  # the diagonal: no line connects bins
    assert len(axes.collections) == 2
    assert axes.get_xlabel() == "Confidence"
    assert axes.get_ylabel() == "Accuracy"
    assert {"3", "1,200", "Examples"} <= set(texts(drawn[0]))


def test_axes_have_the_terms_of_the_field(drawn):
    confusion_matrix(np.eye(2, dtype=np.int64), ["a", "b"])
    rates = np.linspace(0, 1, 50)
    det_curve({"all pairs": (rates, 1 - rates)})
    matrix, det = (figure.axes[0] for figure in drawn)
    assert (matrix.get_xlabel(), matrix.get_ylabel()) == ("Predicted", "True")
    assert (det.get_xlabel(), det.get_ylabel()) == ("False acceptance rate", "Miss rate")
    assert not any("below" in text for text in texts(drawn[1]))


def test_a_curve_below_the_axes_is_stated(drawn):
    det_curve({"all pairs": (np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))})
    assert "all pairs: both rates below 0.05%" in texts(drawn[0])


@pytest.mark.parametrize("modalities", [1, 2])
def test_the_accuracy_on_clean_inputs_is_a_labelled_line(drawn, modalities):
    conditions = ROBUSTNESS if modalities == 2 else ROBUSTNESS[:1] + ROBUSTNESS[4:]
    robustness_curves(conditions)
    for axes in drawn[0].axes:
        clean = axes.lines[0]
        assert clean.get_linestyle() == "-"
        assert clean.get_color() != FAINT
        labels = [text.get_text() for text in axes.texts]
        assert "clean" in labels
        assert any("alone" in label for label in labels) is (modalities == 2)
        heights = sorted(text.get_position()[1] for text in axes.texts)
        assert np.diff(heights).min(initial=1) > 0.12  # of equal accuracies, too


def test_frequencies_have_one_unit(drawn):
    example_grid([("a", FACE, LEVELS)], HZ, 3.0)
    axes = drawn[0].axes[-1]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) > 2
    assert all(label.isdecimal() for label in labels)
    assert [text for text in texts(drawn[0]) if "Hz" in text] == ["Hz"]


@pytest.mark.parametrize("media", [(IMAGE,), (SPECTROGRAM,), (IMAGE, SPECTROGRAM)])
def test_models_of_one_medium_show_that_medium_only(drawn, media):
    example = Example(FACE, LEVELS, "a", "v", "k", "f", "a", 0)
    confused_pairs([(("a", example, ""), ("b", example, ""))], HZ, 3.0, media)
    face, voice = (FACE if IMAGE in media else None), (LEVELS if SPECTROGRAM in media else None)
    example_grid([("a", face, voice), ("b", face, voice)], HZ, 3.0)
    for figure in drawn:
        assert sum(len(axes.images) for axes in figure.axes) == 2 * len(media)
        assert ("Hz" in texts(figure)) is (SPECTROGRAM in media)


def test_histograms_have_the_colours_of_the_splits(drawn):
    counts = np.arange(256)
    level_histograms(dict.fromkeys(SPLIT_COLOURS, (counts, counts)), -80.0)
    for axes in drawn[0].axes:
        assert [line.get_color() for line in axes.lines] == [*SPLIT_COLOURS.values()]
