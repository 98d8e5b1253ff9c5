"""Renders the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from facevoice.reports.analysis import analysis
from facevoice.reports.leakage import exposure_sentence, leakage_sentence
from facevoice.reports.rendering import render
from facevoice.reports.results import RunMetrics
from tfdata.manifest import Leak
from tfdata.text import duration


def run_report(
    description: str,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    features: Mapping[str, Any],
    leak: Leak,
    figures: Mapping[str, bytes],
) -> str:
    """Renders the report. The same arguments give the same page.

    Args:
      description: of the model, one line.
      metrics: content of the run's `metrics.json`.
      settings: content of the run's `settings.json`.
      features: preprocessing settings of the dataset.
      leak: leakage of the test split.
      figures: file name to PNG image.
    """
    run = RunMetrics.from_json(metrics)
    return render(
        "run.html",
        run=run,
        description=f"{description[:1].upper()}{description[1:]}",
        dataset=PurePath(settings["data"]).name,
        duration=duration(run.seconds),
        leakage=leakage_sentence(leak),
        exposures=[exposure_sentence(each) for each in run.exposures],
        analysis=analysis(
            run.test.by_person, run.robustness, run.fusion, figures, run.numbered_names
        ),
        settings=_rows(settings),
        features=_rows(features),
    )


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns names and values; a mapping of mappings has a row for each of the inner ones."""
    rows = []
    for name, value in values.items():
        if isinstance(value, Mapping) and any(isinstance(x, Mapping) for x in value.values()):
            rows += [(f"{name}, {key}", _text(part)) for key, part in value.items()]
        else:
            rows.append((name, _text(value)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "none" if value is None else str(value)
