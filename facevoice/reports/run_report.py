"""Renders the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from facevoice.reports.analysis import PersonAccuracy, analysis
from facevoice.reports.leakage import exposure_sentence, leakage_sentence
from facevoice.reports.rendering import render
from facevoice.reports.results import RunMetrics
from facevoice.reports.settings_table import feature_groups
from tfdata.manifest import Leak
from tfdata.text import duration

# Groups of preprocessing settings that do not concern the models of a modality.
_OF_OTHER_MEDIUM = {"image": ("Audio", "Spectrograms"), "audio": ("Face images",)}


def run_report(
    description: str,
    modality: str,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    features: Mapping[str, Any],
    leak: Leak,
    figures: Mapping[str, bytes],
) -> str:
    """Renders the report. The same arguments give the same page.

    Args:
      description: of the model, one line.
      modality: input of the model: 'image', 'audio' or 'pair'.
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
        modality=modality,
        augmented=_is_augmented(settings),
        exposures=[exposure_sentence(each) for each in run.exposures],
        analysis=analysis(
            {
                name: PersonAccuracy(accuracy, run.test.pairs_by_person.get(name))
                for name, accuracy in run.test.by_person.items()
            },
            run.confusions,
            run.robustness,
            run.fusion,
            figures,
            run.numbered_names,
        ),
        settings=_rows(settings),
        features=[
            (setting.name, setting.value)
            for group, found in feature_groups(features, {}).items()
            if group not in _OF_OTHER_MEDIUM.get(modality, ())
            for setting in found
        ],
    )


def _is_augmented(settings: Mapping[str, Any]) -> bool:
    """Returns whether a model, or the experts of a product, were trained on augmented examples."""
    experts = settings.get("experts") or {}
    return any(each.get("augment") for each in (settings, *experts.values()))


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
