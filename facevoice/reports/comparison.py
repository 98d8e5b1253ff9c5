"""Compares models: a table for the terminal, and a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facevoice.reports.analysis import IntervalBar
from facevoice.reports.leakage import exposure_sentence, leakage_sentence
from facevoice.reports.rendering import render
from facevoice.reports.results import RunMetrics
from tfdata.manifest import Leak

# Training and validation accuracy published by the original study, for the 40 people of
# VoxCeleb1's test set.
PUBLISHED = {
    "cnn_image": (1.0, 0.845),
    "cnn_audio": (1.0, 0.79),
    "crnn_audio": (0.7975, 0.715),
    "cnn_cnn": (0.9986, 0.7325),
    "cnn_crnn": (0.9992, 0.80),
}
COLUMNS = (  # the last two are shown with models of the study only
    "model",
    "train",
    "validation",
    "test",
    "95% interval",
    "parameters",
    "epochs",
    "seconds",
    "study: train",
    "study: validation",
)
CAVEAT = (
    "The study's accuracies are not comparable: they are from another corpus and a random split, "
    "in which nearly every validation window shares samples with a training window."
)


def comparison_text(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Formats the comparison as a table of plain text.

    Args:
      results: model to the content of its run's `metrics.json`.
    """
    rows = _table(_runs(results))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *_caveats(results)])


def comparison_page(results: Mapping[str, Mapping[str, Any]], leak: Leak) -> str:
    """Renders the comparison as a page.

    Args:
      results: model to the content of its run's `metrics.json`. The runs are of one dataset, each
        in a directory next to the page that has the name of the model.
      leak: leakage of the test split.
    """
    runs = _runs(results)
    columns, *rows = _table(runs)
    return render(
        "comparison.html",
        first=next(iter(runs.values())),
        leakage=leakage_sentence(leak),
        bars=[
            IntervalBar(model, run.test.proportion, href=f"{model}/report.html")
            for model, run in runs.items()
        ],
        columns=columns,
        rows=rows,
        caveats=_caveats(results),
    )


def _runs(results: Mapping[str, Mapping[str, Any]]) -> dict[str, RunMetrics]:
    return {model: RunMetrics.from_json(metrics) for model, metrics in results.items()}


def _caveats(results: Mapping[str, Any]) -> list[str]:
    found = [CAVEAT] if _has_published(results) else []
    exposures = {each for run in _runs(results).values() for each in run.exposures}
    return found + sorted(map(exposure_sentence, exposures))


def _has_published(results: Mapping[str, Any]) -> bool:
    return bool(results.keys() & PUBLISHED.keys())


def _table(runs: Mapping[str, RunMetrics]) -> list[tuple[str, ...]]:
    """Returns the header and a row for each run."""
    shown = len(COLUMNS) if _has_published(runs) else -2
    return [row[:shown] for row in (COLUMNS, *map(_row, runs.values()))]


def _row(run: RunMetrics) -> tuple[str, ...]:
    return (
        run.model,
        f"{run.train.accuracy:.1%}",
        f"{run.validation.accuracy:.1%}",
        f"{run.test.accuracy:.1%}",
        f"{run.test.low:.1%} to {run.test.high:.1%}",
        f"{run.parameters:,}",
        str(run.epochs or "-"),
        f"{run.seconds:.0f}",
        *([f"{share:.1%}" for share in PUBLISHED.get(run.model, ())] or ["-", "-"]),
    )
