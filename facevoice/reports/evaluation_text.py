"""An evaluation in words: rows of a table, and what has to be known to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facevoice.reports.error_analysis_text import robustness_rows
from tfdata.text import counted, interval

Metrics = Mapping[str, Any]
Row = tuple[str, str, str]  # what, how much, of what

_MOST_VALUES = 8  # of one fact, such as nationality; metrics.json has all


def rows(metrics: Metrics) -> list[Row]:
    """The main figures, in the order in which one asks for them."""
    found = list(_identified(metrics["identification"])) if metrics["identification"] else []
    found += robustness_rows(metrics.get("robustness") or ())
    if comparison := metrics.get("comparison"):
        found.append(
            (
                f"top 1, less that of {comparison['with']}",
                f"{comparison['difference']:+.1%}",
                f"95 % interval {comparison['low']:+.1%} to {comparison['high']:+.1%}; McNemar "
                f"p = {comparison['p_value']:.2g} ({comparison['only_first']} and "
                f"{comparison['only_second']} pairs that only one has right)",
            )
        )
    if verification := metrics["verification"]:
        for name in ("all", "across_videos"):
            if measures := verification[name]:
                found += _verified(f"pairs, {name.replace('_', ' ')}", measures)
    if trials := metrics.get("trials"):
        found += _verified("listed trials", trials)
    if unknown := metrics.get("unknown"):
        found += _rejected(unknown)
    return found


def notes(metrics: Metrics) -> list[str]:
    """Sentences without which the figures would say more than they should."""
    found = []
    if seen := metrics["pairs_of_seen_videos"]:
        found.append(
            f"{seen:,} of {counted(metrics['pairs'], 'pair')} are of videos that training has "
            f"seen, so this flatters."
        )
    if strangers := metrics["unknown_people"]:
        found.append(
            f"{counted(strangers, 'person', 'people')} with "
            f"{counted(metrics['unknown_pairs'], 'pair')} are not known to the model, and left "
            f"out of identification."
        )
    if verification := metrics["verification"]:
        found += _verification_notes(verification)
    else:
        found.append("Nothing to verify: it takes two people, and two pairs of one of them.")
    if trials := metrics.get("trials"):
        found += _trial_notes(trials)
    if unknown := metrics.get("unknown"):
        found.append(_unknown_note(unknown))
    return found


def _identified(found: Metrics) -> Iterator[Row]:
    for level, shares in found["levels"].items():
        for name, share in shares.items():
            k = name.removeprefix("top_")
            yield f"top {k}, {level}", f"{share['share']:.1%}", interval(share)
    yield "chance", f"{found['chance']:.1%}", ""
    error = found["calibration"]["error"]
    bins = len(found["calibration"]["counts"])
    yield "calibration error", f"{error:.1%}", f"expected, {bins} bins"
    for fact, shares in found["by_meta"].items():
        # One value alone says what the first row says.
        largest = sorted(shares.items(), key=lambda item: -item[1]["total"])[:_MOST_VALUES]
        for value, share in largest if len(shares) > 1 else ():
            yield f"top 1, {fact} {value}", f"{share['share']:.1%}", interval(share)


def _verified(of_what: str, measures: Metrics) -> Iterator[Row]:
    yield (
        f"equal error rate, {of_what}",
        f"{measures['equal_error_rate']:.1%}",
        f"{measures['same']:,} of one person, {measures['different']:,} of two; at a cosine of "
        f"{measures['threshold']:.3f}",
    )
    for prior, cost in measures["min_dcf"].items():
        yield f"minDCF, {of_what}", f"{cost:.3f}", f"at a prior of {prior}; both costs 1"


def _rejected(unknown: Metrics) -> Iterator[Row]:
    yield "known from unknown, AUROC", f"{unknown['auroc']:.3f}", "of the largest probability"
    rate = f"at {unknown['false_accept_rate']:.1%} false accepts"
    yield (
        f"known and accepted, {rate}",
        f"{unknown['accepted']['share']:.1%}",
        f"{interval(unknown['accepted'])}; probability above {unknown['threshold']:.3f}",
    )
    yield (
        "known, accepted and named rightly",
        f"{unknown['identified']['share']:.1%}",
        interval(unknown["identified"]),
    )
    if held_out := unknown["held_out"]:
        yield (
            "unknown and accepted",
            f"{held_out['share']:.1%}",
            f"{interval(held_out)}; each person at a threshold that the others chose",
        )


def _verification_notes(verification: Metrics) -> Iterator[str]:
    trained, people = verification["trained_people"], verification["people"]
    yield _trained_on(trained, people, "people compared")
    if verification["across_videos"] is None:
        yield "Nobody has two videos here, so voices and faces are compared within one video."
    if verification["pairs"] < verification["possible_pairs"]:
        yield (
            f"{verification['pairs']:,} comparisons were drawn of "
            f"{verification['possible_pairs']:,}, half of them of one person."
        )


def _trial_notes(trials: Metrics) -> Iterator[str]:
    trained, people = trials["trained_people"], trials["people"]
    yield _trained_on(trained, people, "people that the listed paths begin with")
    if unreadable := trials["unreadable"]:
        file, reason = next(iter(unreadable.items()))
        yield (
            f"{counted(len(unreadable), 'listed file')} of {trials['files']:,} could not be used "
            f"(the first is {file}: {reason}), so {counted(trials['left_out'], 'trial')} of "
            f"{trials['trials']:,} are left out."
        )
    if passed_over := trials["windows_passed_over"]:
        yield f"{counted(passed_over, 'window')} without a usable sound were passed over."


def _trained_on(trained: int, people: int, who: str) -> str:
    if not trained:
        return f"Training knew none of the {people:,} {who}."
    return f"Training knew {trained:,} of the {people:,} {who}, which flatters verification."


def _unknown_note(unknown: Metrics) -> str:
    people = counted(unknown["people"], "unknown person", "unknown people")
    if unknown["held_out"] is None:
        return f"The threshold was chosen by {people} alone: take it with a grain of salt."
    return f"The threshold was chosen by {people}; others may be accepted more often."


def table(metrics: Metrics) -> str:
    """The rows as plain text, in columns."""
    found = rows(metrics)
    if not found:
        return ""
    what, much = (max(len(row[i]) for row in found) for i in (0, 1))
    return "\n".join(f"{a:<{what}}  {b:>{much}}  {c}".rstrip() for a, b, c in found)
