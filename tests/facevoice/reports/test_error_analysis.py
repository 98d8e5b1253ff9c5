"""Text and figures of robustness and of the fusion analysis."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facevoice.reports.error_analysis_figures import margin_scatter, robustness_curves
from facevoice.reports.error_analysis_text import (
    condition_name,
    fusion_sentences,
    robustness_rows,
)
from facevoice.reports.results import RunMetrics, read_conditions
from tests.facevoice.reports.metrics import ROBUSTNESS, WEIGHING, run_metrics


def test_conditions_have_names_with_units():
    assert [condition_name(each) for each in read_conditions(ROBUSTNESS)] == [
        "clean",
        "face missing",
        "voice missing",
        "noise 20 dB SNR",
        "blur 2% of side",
        "occlusion 25% of area",
    ]


def test_corrupted_inputs_are_compared_with_the_other_medium_alone():
    rows = {row[0]: row for row in robustness_rows(read_conditions(ROBUSTNESS))}
    assert len(rows) == 5
    interval = "3 of 4; 95% interval 30.0% to 95.0%"
    assert rows["top 1, face missing"] == ("top 1, face missing", "75.0%", interval)
    assert rows["top 1, noise 20 dB SNR"][2] == (
        f"{interval}; minus face alone: +25.0%, 95% interval -10.0% to +50.0%, McNemar p = 0.5"
    )
    assert "minus voice alone" in rows["top 1, blur 2% of side"][2]


@pytest.mark.parametrize("robustness", [ROBUSTNESS, ROBUSTNESS[:1] + ROBUSTNESS[3:4]])
def test_each_corruption_has_a_panel(robustness):
    with Image.open(io.BytesIO(robustness_curves(robustness))) as figure:
        panels = {each["kind"] for each in robustness} & {"noise", "blur", "cover"}
        assert figure.height == pytest.approx(130 * 2.3 * len(panels), abs=2)


def test_margins_of_one_example_are_drawn():
    with Image.open(io.BytesIO(margin_scatter(np.zeros(1), np.zeros(1)))) as figure:
        assert min(figure.size) > 300


def test_weights_and_agreement_of_the_experts_are_described():
    first, second = fusion_sentences(RunMetrics.from_json(run_metrics(weighing=WEIGHING)).fusion)
    assert first.startswith(
        "Of 9 pairs, both experts are correct on 3, only the face expert on 2 and only the voice "
        "expert on 1. The fusion is correct on 6: it gains 1 on which neither expert is correct, "
        "and loses 1"
    )
    assert second == (
        "The expert weights are 2.0 for the face and 3.0 for the voice if both are present, 4.0 "
        "and 5.0 if the other is missing."
    )
    assert fusion_sentences(None) == []
