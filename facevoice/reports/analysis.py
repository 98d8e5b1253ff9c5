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
from facevoice.reports.results import Condition, FrequentConfusion, Fusion, Proportion
from tfdata.text import counted, readable

_MAX_PEOPLE = 60
_LOWEST_SHOWN = 20


@dataclass(frozen=True)
class PersonAccuracy:
    """The accuracy of a person; `pairs` is None if it is not known."""

    accuracy: float
    pairs: int | None


@dataclass(frozen=True)
class PerPersonAccuracy:
    """Accuracy of each person, in descending order; of many people, the lowest ones only.

    Attributes:
      people: number of people.
      rows: (name, accuracy, accuracy in percent, number of pairs or "").
    """

    people: int
    rows: Sequence[tuple[str, float, str, str]]


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
      confusions: (true, predicted, pairs) of the most frequent confusions; empty if the figures
        have the confusion matrix.
      numbered_names: (number, name) of people whose names the figures do not show in full.
      robustness_caveat: why no corruption was evaluated; None if some were, or nothing was.
    """

    figures: Mapping[str, str]
    per_person: PerPersonAccuracy | None
    by_media: Sequence[IntervalBar]
    fusion: Sequence[str]
    confusions: Sequence[tuple[str, str, str]]
    numbered_names: Sequence[tuple[str, str]]
    robustness_caveat: str | None = None


def analysis(
    by_person: Mapping[str, PersonAccuracy],
    confusions: Sequence[FrequentConfusion],
    robustness: Sequence[Condition],
    fusion: Fusion | None,
    figures: Mapping[str, bytes],
    numbered_names: Mapping[str, str],
) -> Analysis:
    """Prepares an analysis.

    Args:
      by_person: identity to accuracy.
      confusions: the most frequent ones.
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
        [
            (readable(each.person), readable(each.named), f"{each.pairs:,}")
            for each in confusions
            if "confusion.png" not in figures
        ],
        [(number, readable(identity)) for number, identity in numbered_names.items()],
        robustness_caveat(robustness),
    )


def _per_person(by_person: Mapping[str, PersonAccuracy]) -> PerPersonAccuracy:
    ordered = sorted(by_person.items(), key=lambda item: -item[1].accuracy)
    if len(ordered) > _MAX_PEOPLE:
        ordered = ordered[-_LOWEST_SHOWN:]
    rows = [
        (
            readable(name),
            each.accuracy,
            percent(each.accuracy, 0),
            "" if each.pairs is None else counted(each.pairs, "pair"),
        )
        for name, each in ordered
    ]
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
