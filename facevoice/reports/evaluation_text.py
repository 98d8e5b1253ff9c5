"""Describes an evaluation in text: metrics in rows, and caveats for interpreting them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facevoice.reports.error_analysis_text import (
    fusion_sentences,
    robustness_caveat,
    robustness_rows,
)
from facevoice.reports.leakage import exposure_sentence
from facevoice.reports.results import (
    ErrorRates,
    EvaluationMetrics,
    Identification,
    OpenSet,
    Proportion,
    Trials,
    Verification,
)
from facevoice.reports.verification_table import interval_text, score_rows, too_few_pairs
from tfdata.text import agree, counted, listed, printable

Row = tuple[str, str, str]  # name, value, details

_MAX_VALUES = 8  # shown of a meta attribute, such as nationality; metrics.json has all


def evaluation_text(metrics: Mapping[str, Any]) -> str:
    """Formats an evaluation for a terminal.

    Args:
      metrics: content of the evaluation's `metrics.json`.
    """
    evaluation = EvaluationMetrics.from_json(metrics)
    rows = [row for group in metric_groups(evaluation).values() for row in group]
    name_width, value_width = (max((len(row[i]) for row in rows), default=0) for i in (0, 1))
    lines = [
        *(f"{a:<{name_width}}  {b:>{value_width}}  {c}".rstrip() for a, b, c in rows),
        *fusion_sentences(evaluation.fusion),
        *caveats(evaluation),
    ]
    return "\n".join(map(printable, lines))


def metric_groups(evaluation: EvaluationMetrics) -> dict[str, list[Row]]:
    """Returns the main metrics in rows, by heading."""
    groups: dict[str, list[Row]] = {}
    if evaluation.identification:
        groups["Identification"] = list(_identification_rows(evaluation.identification))
    if rows := list(robustness_rows(evaluation.robustness)):
        groups["Robustness"] = rows
    if comparison := evaluation.comparison:
        details = (
            f"{comparison} ({comparison.only_first} and {counted(comparison.only_second, 'pair')} "
            f"that only one model has right)"
        )
        name, value = f"top 1, minus {comparison.other}", f"{comparison.difference:+.1%}"
        groups["Comparison of models"] = [(name, value, details)]
    if found := evaluation.verification:
        groups["Verification"] = list(_verification_rows("all pairs", found.all))
        if found.across_videos and found.across_videos != found.all:
            across = _verification_rows("pairs across videos", found.across_videos)
            groups["Verification"] += across
    if evaluation.trials:
        rows = list(_verification_rows("listed trials", evaluation.trials))
        groups["Verification of listed trials"] = rows
    if evaluation.open_set:
        groups["Open-set identification"] = list(_open_set_rows(evaluation.open_set))
    return {heading: rows for heading, rows in groups.items() if rows}


def distinct_levels(found: Identification) -> dict[str, Mapping[str, Proportion]]:
    """Returns the accuracies by level; levels with equal accuracies are one: 'pairs and clips'.

    If each clip gave one pair, the accuracies of clips are those of pairs.
    """
    merged: list[tuple[list[str], Mapping[str, Proportion]]] = []
    for level, proportions in found.levels.items():
        equal = next((names for names, other in merged if other == proportions), None)
        if equal is None:
            merged.append(([level], proportions))
        else:
            equal.append(level)
    return {listed(names): proportions for names, proportions in merged}


def caveats(evaluation: EvaluationMetrics) -> list[str]:
    """Returns caveats for interpreting the metrics."""
    found = []
    if seen := evaluation.pairs_of_seen_videos:
        found.append(
            f"{seen:,} of {counted(evaluation.pairs, 'pair')} {agree(seen, 'is', 'are')} from "
            f"videos in the training data, so the metrics are optimistic."
        )
    if unknown := evaluation.unknown_people:
        are = agree(unknown, "is", "are")
        found.append(
            f"{counted(unknown, 'person', 'people')} with "
            f"{counted(evaluation.unknown_pairs, 'pair')} {are} not known to the model and {are} "
            f"left out of identification."
        )
    found += [exposure_sentence(each) for each in evaluation.exposures]
    if caveat := robustness_caveat(evaluation.robustness):
        found.append(caveat)
    if evaluation.verification:
        found += _verification_caveats(evaluation.verification)
    else:
        found.append("Verification needs two people, and two pairs of one of them.")
    if evaluation.trials:
        found += _trial_caveats(evaluation.trials)
    found += _not_shown(evaluation)
    if evaluation.open_set:
        found.append(_open_set_caveat(evaluation.open_set))
    return found


def _not_shown(evaluation: EvaluationMetrics) -> list[str]:
    compared: dict[str, ErrorRates | None] = {"listed trials": evaluation.trials}
    if found := evaluation.verification:
        compared["all pairs"] = found.all
        if found.all.has_enough_pairs:
            compared["pairs across videos"] = found.across_videos
    return [text for name, rates in compared.items() for text in too_few_pairs(name, rates)]


def _identification_rows(found: Identification) -> Iterator[Row]:
    for level, proportions in distinct_levels(found).items():
        for name, top in proportions.items():
            yield f"top {name.removeprefix('top_')}, {level}", f"{top.share:.1%}", str(top)
    if found.macro_accuracy is not None:
        yield "top 1, mean over people", f"{found.macro_accuracy:.1%}", "macro average of pairs"
    yield "chance", f"{found.chance:.1%}", ""
    bins = len(found.calibration.counts)
    yield "expected calibration error", f"{found.calibration.error:.1%}", counted(bins, "bin")
    for attribute, proportions in found.by_meta.items():
        # A single value would repeat the first row.
        largest = sorted(proportions.items(), key=lambda item: -item[1].total)[:_MAX_VALUES]
        for value, top in largest if len(proportions) > 1 else ():
            yield f"top 1, {attribute} {value}", f"{top.share:.1%}", str(top)


def _verification_rows(pairs: str, rates: ErrorRates) -> Iterator[Row]:
    """Yields error rates; nothing if there are too few pairs, which `caveats` says."""
    if not rates.has_enough_pairs:
        return
    yield (
        f"equal error rate, {pairs}",
        f"{rates.equal_error_rate:.1%}",
        f"{counted(rates.same, 'pair')} of the same person, {rates.different:,} of different "
        f"people; at a cosine of {rates.threshold:.3f}{interval_text(rates)}",
    )
    for prior, cost in rates.min_dcf.items():
        yield f"minDCF, {pairs}", f"{cost:.3f}", f"target prior {prior}; both costs 1"
    yield from score_rows(pairs, rates)


def _open_set_rows(found: OpenSet) -> Iterator[Row]:
    yield "AUROC, known or unknown", f"{found.auroc:.3f}", "by the largest probability"
    yield (
        f"known, accepted at a false acceptance rate of {found.false_accept_rate:.1%}",
        f"{found.accepted.share:.1%}",
        f"{found.accepted}; probability above {found.threshold:.3f}",
    )
    name = "known, accepted and identified correctly"
    yield name, f"{found.identified.share:.1%}", str(found.identified)
    if held_out := found.held_out:
        yield (
            "unknown, accepted",
            f"{held_out.share:.1%}",
            f"{held_out}; each person at the threshold of the others",
        )


def _verification_caveats(verification: Verification) -> Iterator[str]:
    trained, people = verification.trained_people, verification.people
    yield _training_overlap(trained, people, "compared")
    if verification.across_videos is None:
        yield "No person has two videos in this split, so all pairs of a person are from one video."
    if verification.pairs < verification.possible_pairs:
        yield (
            f"{verification.pairs:,} of {verification.possible_pairs:,} possible comparisons "
            f"{agree(verification.pairs, 'was', 'were')} sampled, half of them of the same person."
        )


def _trial_caveats(trials: Trials) -> Iterator[str]:
    if trials.trained_people is None:
        yield (
            "It is not known whether people in the trial list are in the training data: its paths "
            "have no names or ids like those of the run."
        )
    else:
        yield _training_overlap(trials.trained_people, trials.people, "named in the trial list")
    for exposure in trials.exposures:
        yield f"Trials: {exposure_sentence(exposure)}"
    yield from _list_caveats(trials)
    if unreadable := trials.unreadable:
        file, reason = next(iter(unreadable.items()))
        yield (
            f"{counted(len(unreadable), 'listed file')} of {trials.files:,} could not be used "
            f"(the first is {file}: {reason}), so {counted(trials.left_out, 'trial')} of "
            f"{trials.trials:,} {agree(trials.left_out, 'is', 'are')} left out."
        )
    if skipped := trials.windows_passed_over:
        were = agree(skipped, "was", "were")
        yield f"{counted(skipped, 'window')} without usable audio {were} skipped."


def _list_caveats(trials: Trials) -> Iterator[str]:
    """Yields what is unusual in a list of trials; all trials are counted nevertheless."""
    found = []
    if trials.repeated:
        mirrored = f" ({trials.mirrored:,} with the files exchanged)" if trials.mirrored else ""
        found.append(f"{counted(trials.repeated, 'repeated trial')}{mirrored}")
    if trials.contradicting:
        found.append(f"{counted(trials.contradicting, 'pair')} with both labels")
    if trials.same_file:
        found.append(f"{counted(trials.same_file, 'trial')} of a file with itself")
    if found:
        yield f"The trial list has {listed(found)}; all of them are counted."
    if conflicts := trials.label_conflicts:
        inverted = "; the labels seem to be inverted" if 2 * conflicts > trials.trials else ""
        yield (
            f"The labels of {conflicts:,} of {counted(trials.trials, 'trial')} contradict the "
            f"people in their paths{inverted}."
        )
    elif trials.equal_error_rate > 0.5:
        yield "The equal error rate is above 50%; the labels of the trial list may be inverted."


def _training_overlap(trained: int, people: int, description: str) -> str:
    of_people = f"{counted(people, 'person', 'people')} {description}"
    if not trained and people == 1:
        return f"The person {description} is not in the training data."
    if not trained:
        return f"None of the {of_people} are in the training data."
    return (
        f"{trained:,} of the {of_people} {agree(trained, 'is', 'are')} in the training data, so "
        f"verification metrics are optimistic."
    )


def _open_set_caveat(open_set: OpenSet) -> str:
    people = counted(open_set.people, "unknown person", "unknown people")
    if open_set.held_out is None:
        return f"The open-set threshold was chosen on {people} alone and may not generalize."
    return f"The open-set threshold was chosen on {people}; others may be accepted more often."
