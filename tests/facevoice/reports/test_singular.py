"""Counts of 1 have a noun in the singular, wherever a number is printed."""

from __future__ import annotations

import re

import pytest

from facevoice.reports.comparison import comparison_page
from facevoice.reports.evaluation_report import evaluation_report
from facevoice.reports.evaluation_text import evaluation_text
from facevoice.reports.leakage import leakage_sentence, leakage_statement
from facevoice.reports.run_report import run_report
from tests.facevoice.reports.metrics import evaluation_metrics, run_metrics
from tests.html_pages import Page
from tfdata.manifest import Duplicates, Leak

ONE = Leak(1, 1, 1, 1)
NOUNS = "pair|person|file|image|clip|video|trial|window|bin|epoch|model|parameter|comparison|other"
PLURAL = re.compile(
    rf"(?<![\d.,])1 (?:\w+ )?(?:people|media|(?:{NOUNS})s|(?:{NOUNS}) (?:are|were|have|share))\b|"
    r"(?<!epoch )1 (?:are|were|have|share)\b"
)


def ones(values):
    """Replaces all whole numbers in parsed JSON by 1."""
    if isinstance(values, dict):
        return {name: ones(value) for name, value in values.items()}
    if isinstance(values, list):
        return [ones(value) for value in values]
    return 1 if type(values) is int else values


def texts():
    for trained in (0, 1):
        metrics = ones(evaluation_metrics())
        metrics["verification"]["trained_people"] = trained
        metrics["trials"] |= {"trained_people": trained, "repeated": 1, "mirrored": 1}
        metrics["trials"] |= {"contradicting": 1, "same_file": 1, "label_conflicts": 1}
        yield evaluation_text(metrics)
        yield Page(evaluation_report(metrics, {})).text
    run, settings = ones(run_metrics()), {"data": "/data/sample"}
    yield Page(run_report("faces", "image", run, settings, {"image_size": 128}, ONE, {})).text
    yield Page(comparison_page({"cnn_image": run}, ONE)).text
    yield leakage_sentence(ONE)
    statement = leakage_statement({"validation": ONE, "test": ONE}, Duplicates(1, 1, 1, 1))
    yield f"{statement.verdict} {statement.explanation}"


@pytest.mark.parametrize("text", texts())
def test_a_count_of_one_is_singular(text):
    assert "1 " in text
    assert not PLURAL.findall(text)
