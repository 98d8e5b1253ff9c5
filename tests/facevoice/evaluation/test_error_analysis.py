"""Tests of confusions, and of the texts and figures of the error analysis."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from facevoice.evaluation.error_analysis import Confusion, confusions
from facevoice.evaluation.predictions import Predictions
from facevoice.reports.error_analysis_figures import curves, margins
from facevoice.reports.error_analysis_text import name_of, robustness_rows, weighing_sentences
from facevoice.reports.sections import sections

PEOPLE = ("Ann", "Bob", "Cy", "Di")


def answers(rows):
    """Predictions of (who it was, who was named, how surely), the rest spread over the others."""
    labels = np.array([PEOPLE.index(who) for who, _, _ in rows])
    probabilities = np.array([[(1 - sure) / 3] * 4 for _, _, sure in rows])
    for row, (_, named, sure) in enumerate(rows):
        probabilities[row, PEOPLE.index(named)] = sure
    n = len(rows)
    names, empty = np.array([who for who, _, _ in rows]), np.array([""] * n)
    keys = np.array([f"key{i}" for i in range(n)])
    zeros = np.zeros(n, np.int64)
    return Predictions(labels, probabilities, np.zeros((n, 2)), names, empty, empty, zeros, keys)


def test_confusions_are_sorted_by_the_sum_of_both_directions():
    found = confusions(
        answers(
            [
                ("Ann", "Bob", 0.6),
                ("Ann", "Bob", 0.9),  # the surest mistake
                ("Bob", "Ann", 0.7),
                ("Bob", "Bob", 0.5),
                ("Bob", "Bob", 0.8),  # the surest of Bob
                ("Cy", "Ann", 0.5),
                ("Ann", "Ann", 0.9),
                ("Cy", "Di", 0.9),  # nobody was Di, so there is nothing to show beside it
            ]
        ),
        PEOPLE,
    )
    assert found == [
        Confusion("Ann", "Bob", pairs=2, reverse=1, mistaken=1, beside=4),
        Confusion("Cy", "Ann", pairs=1, reverse=0, mistaken=5, beside=6),
    ]


def test_without_mistakes_there_are_no_confusions():
    assert confusions(answers([("Ann", "Ann", 0.9), ("Bob", "Bob", 0.8)]), PEOPLE) == []


def test_number_of_confusions_is_limited():
    known = answers([("Ann", "Bob", 0.6), ("Bob", "Cy", 0.6), ("Cy", "Ann", 0.6)])
    assert len(confusions(known, PEOPLE, most=2)) == 2


def measured(kind, medium="", amount=0.0, against=None):
    share = {"correct": 3, "total": 4, "share": 0.75, "low": 0.3, "high": 0.95}
    return {
        "kind": kind,
        "medium": medium,
        "amount": amount,
        "top_1": share,
        "against_other": against,
    }


AGAINST = {"difference": 0.25, "low": -0.1, "high": 0.5, "p_value": 0.5}
ROBUSTNESS = [
    measured("intact"),
    measured("missing", "image"),
    measured("missing", "spectrogram"),
    measured("noise", "spectrogram", 20.0, AGAINST),
    measured("blur", "image", 0.02, AGAINST),
    measured("cover", "image", 0.25, AGAINST),
]


def test_conditions_have_names_with_units():
    assert [name_of(each) for each in ROBUSTNESS] == [
        "intact",
        "face missing",
        "voice missing",
        "noise 20 dB",
        "blur 2% of side",
        "covered 25% of area",
    ]


def test_corrupted_inputs_are_compared_with_the_other_medium_alone():
    rows = {row[0]: row for row in robustness_rows(ROBUSTNESS)}
    assert len(rows) == 5
    interval = "3 of 4; 95 % interval 30.0% to 95.0%"
    assert rows["top 1, face missing"] == ("top 1, face missing", "75.0%", interval)
    assert rows["top 1, noise 20 dB"][2] == (
        f"{interval}; less that of the face alone: +25.0%, 95 % interval -10.0% to +50.0%, "
        f"McNemar p = 0.5"
    )
    assert "less that of the voice alone" in rows["top 1, blur 2% of side"][2]


@pytest.mark.parametrize("found", [ROBUSTNESS, ROBUSTNESS[:1] + ROBUSTNESS[3:4]])
def test_each_corruption_has_a_panel(found):
    with Image.open(io.BytesIO(curves(found))) as picture:
        panels = {each["kind"] for each in found} & {"noise", "blur", "cover"}
        assert picture.height == pytest.approx(130 * 2.3 * len(panels), abs=2)


def test_margins_of_a_single_example_are_drawn():
    with Image.open(io.BytesIO(margins(np.zeros(1), np.zeros(1)))) as picture:
        assert min(picture.size) > 300


def test_weights_and_counts_of_experts_are_reported():
    weights = {"alone": {"face": 4, "voice": 5}, "together": {"face": 2, "voice": 3.04}}
    counts = {"examples": 9, "right": 6, "both": 3, "only_face": 2, "only_voice": 1}
    first, second = weighing_sentences({"weights": weights, **counts, "saved": 1, "lost": 1})
    assert "Of 9 pairs, both experts have 3 right, only the face 2 and only the voice 1." in first
    assert "The face weighs 2.0 and the voice 3.0 where both are there, 4.0 and 5.0" in second
    assert weighing_sentences(None) == []


def test_both_media_are_shown_next_to_each_alone():
    shown = "".join(sections({"robustness": ROBUSTNESS}, {}, {"robustness.png": "data:,"}))
    names = re.findall(r"<li><span>(.*?)</span><b>75.0%</b>", shown)
    assert names == ["face and voice", "voice alone", "face alone"]
    alone = "".join(sections({"robustness": ROBUSTNESS[:1]}, {}, {"robustness.png": "data:,"}))
    assert "<li>" not in alone


def test_of_many_people_the_least_accurate_are_shown():
    by_person = {f"P{i:03d}": i / 100 for i in range(100)}
    shown = "".join(sections({}, by_person, {}))
    assert shown.count("<tr>") == 20
    assert "P019" in shown
    assert "P020" not in shown
    assert "The 20 people of 100" in shown
    assert "".join(sections({}, dict(list(by_person.items())[:60]), {})).count("<tr>") == 60
