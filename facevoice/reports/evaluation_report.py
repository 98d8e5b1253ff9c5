"""Renders the report of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facevoice.reports.analysis import PersonAccuracy, analysis
from facevoice.reports.evaluation_text import caveats, distinct_levels, metric_groups
from facevoice.reports.rendering import percent, render
from facevoice.reports.results import MIN_SAME_PAIRS, ErrorRates, EvaluationMetrics
from facevoice.reports.verification_table import verification_table


def evaluation_report(metrics: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """Renders the report. The same arguments give the same page.

    Args:
      metrics: content of the evaluation's `metrics.json`.
      figures: file name to PNG image.
    """
    evaluation = EvaluationMetrics.from_json(metrics)
    found = evaluation.identification
    by_person = found.by_person.items() if found else ()
    return render(
        "evaluation.html",
        evaluation=evaluation,
        tiles=list(_tiles(evaluation)),
        caveats=caveats(evaluation),
        analysis=analysis(
            {name: PersonAccuracy(each.share, each.total) for name, each in by_person},
            found.confusions if found else (),
            evaluation.robustness,
            evaluation.fusion,
            figures,
            evaluation.numbered_names,
        ),
        groups=metric_groups(evaluation),
        verification=verification_table(_trial_groups(evaluation)),
        min_same_pairs=MIN_SAME_PAIRS,
    )


def _trial_groups(evaluation: EvaluationMetrics) -> dict[str, ErrorRates | None]:
    """Returns error rates by description; evaluations of earlier versions have no Cllr."""
    found: dict[str, ErrorRates | None] = {}
    if (verification := evaluation.verification) and verification.all.min_cllr is not None:
        found |= {"all pairs": verification.all, "across videos": verification.across_videos}
        found |= verification.conditions
    if (trials := evaluation.trials) and trials.min_cllr is not None:
        found["listed trials"] = trials
        found |= {f"listed, {name}": rates for name, rates in trials.conditions.items()}
    return found


def _tiles(evaluation: EvaluationMetrics) -> Iterator[tuple[str, str]]:
    """Yields (value, description) of the main metrics."""
    if found := evaluation.identification:
        for level, proportions in distinct_levels(found).items():
            if level != "clips" and (top := proportions.get("top_1")):
                yield percent(top.share), f"top-1 accuracy of {level} ({top})"
        yield percent(found.calibration.error), "expected calibration error"
    verification, trials = evaluation.verification, evaluation.trials
    if verification and verification.all.has_enough_pairs:
        yield percent(verification.all.equal_error_rate), "equal error rate of verification"
    if trials and trials.has_enough_pairs:
        yield percent(trials.equal_error_rate), "equal error rate of the listed trials"
    if open_set := evaluation.open_set:
        yield f"{open_set.auroc:.3f}", "AUROC of open-set identification"
