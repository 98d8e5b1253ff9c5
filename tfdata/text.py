"""Formats numbers, durations and names for messages and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def counted(number: int, one: str, many: str | None = None) -> str:
    """Returns a number with its noun: "1 video", "1,200 videos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Returns a duration in suitable units, with about three digits: "1 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 600:
        return _two_units(round(seconds), "min", "s")
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    if seconds < 36_000:
        return _two_units(round(seconds / 60), "h", "min")
    return f"{round(seconds / 3600):,} h"


def _two_units(number: int, large: str, small: str) -> str:
    whole, rest = divmod(number, 60)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def listed(names: Sequence[str], link: str = "and") -> str:
    """Returns an enumeration: "a", "a and b", "a, b and c"."""
    return f" {link} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def readable(name: str) -> str:
    """Returns an identity as a name, with spaces."""
    return name.replace("_", " ")


def interval(share: Mapping[str, Any]) -> str:
    """Returns the counts and the confidence interval of a proportion."""
    return (
        f"{share['correct']:,} of {share['total']:,}; 95 % interval {share['low']:.1%} to "
        f"{share['high']:.1%}"
    )
