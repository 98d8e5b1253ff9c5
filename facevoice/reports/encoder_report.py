"""Reports an evaluation of the encoders of a dataset: a page, and text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facevoice.encoders.exposure import Exposure
from facevoice.encoders.recorded import describe_encoder
from facevoice.reports.leakage import exposure_sentence
from facevoice.reports.rendering import percent, png_data_url, render
from facevoice.reports.results import MIN_SAME_PAIRS, ErrorRates, read_error_rates
from facevoice.reports.verification_table import too_few_pairs, verification_table
from tfdata.manifest import Encoder
from tfdata.text import counted, printable


def encoder_report(metrics: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """Renders the report. The same arguments give the same page.

    Args:
      metrics: content of the evaluation's `metrics.json`.
      figures: file name to PNG image.
    """
    return render(
        "encoder_evaluation.html",
        metrics=metrics,
        encoders=_encoders(metrics),
        tiles=list(_tiles(metrics)),
        caveats=_caveats(metrics),
        figures={name: png_data_url(png) for name, png in figures.items()},
        verification=verification_table(_groups(metrics, conditions=True)),
        min_same_pairs=MIN_SAME_PAIRS,
    )


def encoder_text(metrics: Mapping[str, Any]) -> str:
    """Formats an evaluation for a terminal.

    Args:
      metrics: content of the evaluation's `metrics.json`.
    """
    rows = verification_table(_groups(metrics, conditions=False))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            f"{cell:<{width}}" if column < 2 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(map(printable, [*lines, *_caveats(metrics)]))


def _groups(metrics: Mapping[str, Any], *, conditions: bool) -> dict[str, ErrorRates | None]:
    """Returns error rates by description."""
    found: dict[str, Any] = {}
    for system, each in metrics["systems"].items():
        if each is not None:
            found[f"{system}, all pairs"] = each["all"]
            found[f"{system}, across videos"] = each["across_videos"]
    for system, each in metrics.get("trials", {}).get("systems", {}).items():
        found[f"{system}, listed trials"] = each
    if conditions:
        for place, systems in (
            ("", metrics["systems"]),
            ("listed, ", metrics.get("trials", {}).get("systems", {})),
        ):
            for system, each in systems.items():
                for name, rates in each["conditions"].items() if each else ():
                    found[f"{system}, {place}{name}"] = rates
    return {name: read_error_rates(rates) for name, rates in found.items()}


def _tiles(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields (value, description) of the main metrics."""
    shown = {
        name: rates
        for name, rates in _groups(metrics, conditions=False).items()
        if rates and rates.has_enough_pairs
    }
    for kind in ("listed trials", "across videos", "all pairs"):
        tiles = [(name, rates) for name, rates in shown.items() if name.endswith(kind)]
        for name, rates in tiles:
            yield percent(rates.equal_error_rate, 2), f"equal error rate, {name}"
        if tiles:
            return


def _encoders(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (modality, describe_encoder(Encoder(**each)))
        for modality, each in metrics["encoders"].items()
    ]


def _caveats(metrics: Mapping[str, Any]) -> list[str]:
    """Returns caveats for interpreting the metrics."""
    found = [exposure_sentence(Exposure(**each)) for each in metrics["exposures"]]
    for name, rates in _groups(metrics, conditions=False).items():
        found += too_few_pairs(name, rates)
    for system, each in metrics["systems"].items():
        if each is None:
            found.append(
                f"Verification by {system} needs two people, and two pairs of one of them."
            )
        elif each["cohort"] is None or each["all"]["as_norm"] is None:
            found.append(f"AS-norm of the {system} needs more other people in the training split.")
    trials = metrics.get("trials")
    if trials is None:
        return found
    for system, each in trials["systems"].items():
        if each is None:
            found.append(f"The {system} has no listed trials of both kinds.")
        elif each["left_out"]:
            found.append(
                f"{counted(each['left_out'], 'trial')} of {trials['trials']:,} are left out of "
                f"the {system}, because it is not known for both files."
            )
    if unreadable := trials["unreadable"]:
        file, reason = next(iter(unreadable.items()))
        found.append(
            f"{counted(len(unreadable), 'listed file')} of {trials['files']:,} could not be used "
            f"(the first is {file}: {reason})."
        )
    return found
