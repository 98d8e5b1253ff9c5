"""Prepares what the reports of runs and of evaluations both show: accuracy and error analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facevoice.reports.error_analysis_text import (
    OTHER_MEDIUM,
    fusion_sentences,
    robustness_caveat,
)
from facevoice.reports.rendering import percent, png_data_url
from facevoice.reports.results import Condition, Fusion, Proportion
from tfdata.text import readable

_MAX_PEOPLE = 60
_LOWEST_SHOWN = 20


@dataclass(frozen=True)
class PerPersonAccuracy:
    """Accuracy of each person, in descending order; of many people, the lowest ones only.

    Attributes:
      people: number of people.
      rows: (name, accuracy, accuracy in percent).
    """

    people: int
    rows: Sequence[tuple[str, float, str]]


@dataclass(frozen=True)
class IntervalBar:
    """A proportion that is drawn as a bar with its 95% interval; `href` links its label."""

    label: str
    proportion: Proportion
    href: str | None = None


@dataclass(frozen=True)
class Analysis:
    """Figures and accuracies of a model on one split.

    Attributes:
      figures: file name to data URL.
      per_person: accuracy by person; None if nothing was identified.
      by_media: accuracy with both media and with either alone; empty if the model reads one.
      fusion: sentences about a product of experts; empty for other models.
      numbered_names: (number, name) of people whose names the figures do not show in full.
      robustness_caveat: why no corruption was evaluated; None if some were, or nothing was.
    """

    figures: Mapping[str, str]
    per_person: PerPersonAccuracy | None
    by_media: Sequence[IntervalBar]
    fusion: Sequence[str]
    numbered_names: Sequence[tuple[str, str]]
    robustness_caveat: str | None = None


def analysis(
    by_person: Mapping[str, float],
    robustness: Sequence[Condition],
    fusion: Fusion | None,
    figures: Mapping[str, bytes],
    numbered_names: Mapping[str, str],
) -> Analysis:
    """Prepares an analysis.

    Args:
      by_person: identity to accuracy.
      robustness: accuracy under corruptions.
      fusion: of a product of experts.
      figures: file name to PNG image.
      numbered_names: number in the figures to identity.
    """
    return Analysis(
        {name: png_data_url(png) for name, png in figures.items()},
        _per_person(by_person) if by_person else None,
        _by_media(robustness),
        fusion_sentences(fusion),
        [(number, readable(identity)) for number, identity in numbered_names.items()],
        robustness_caveat(robustness),
    )


def _per_person(by_person: Mapping[str, float]) -> PerPersonAccuracy:
    ordered = sorted(by_person.items(), key=lambda item: -item[1])
    if len(ordered) > _MAX_PEOPLE:
        ordered = ordered[-_LOWEST_SHOWN:]
    rows = [(readable(name), share, percent(share, 0)) for name, share in ordered]
    return PerPersonAccuracy(len(by_person), rows)


def _by_media(robustness: Sequence[Condition]) -> list[IntervalBar]:
    shown = [each for each in robustness if each.kind in ("intact", "missing")]
    if len(shown) < 2:
        return []
    return [
        IntervalBar(
            f"{OTHER_MEDIUM[each.medium]} alone" if each.medium else "face and voice", each.top_1
        )
        for each in shown
    ]
