"""What a survey found, as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from facevoice.inspection.levels import Levels
from facevoice.inspection.survey import Equal, Survey
from facevoice.inspection.text import table
from tfdata.schema import SPLITS
from tfdata.text import counted

NOTHING = (
    "Nothing looks wrong: no blank, black or white face, no flat or silent voice, nothing twice."
)


def survey_text(survey: Survey, key_at: Callable[[str, int], str]) -> str:
    """The levels of each split, and what looks wrong.

    `key_at`: from a split and an index to the key.
    """
    head = ("", "mean", "std", "at 0", "at 255", "0 to 255".ljust(32))
    parts = []
    for title, levels in (("Faces", survey.faces), ("Spectrograms", survey.voices)):
        rows = [(title, *head[1:]), *(_row(name, found) for name, found in levels.items())]
        parts += [table(rows), ""]
    wrong = [*_odd(survey), *(line for equal in survey.equals() for line in _equal(equal, key_at))]
    verdict = "What looks wrong:" if wrong else NOTHING
    return "\n".join([*parts, verdict, *wrong])


def _row(split: str, levels: Levels) -> tuple[str, ...]:
    return (
        split,
        f"{levels.mean:.1f}",
        f"{levels.std:.1f}",
        f"{levels.share(0):.1%}",
        f"{levels.share(255):.1%}",
        levels.sparkline(),
    )


def _odd(survey: Survey) -> Iterator[str]:
    for (medium, fault), odd in survey.odd.items():
        yield f"- {counted(odd.number, medium)} {_is(odd.number)} {fault}:"
        yield from (f"    {place}  {key}" for place, key in odd.shown)
        yield from _more(odd.number - len(odd.shown))


def _equal(equal: Equal, key_at: Callable[[str, int], str]) -> Iterator[str]:
    yield f"- {_said(equal)}:"
    for one, other in equal.shown:
        yield f"    {_named(one, key_at)}"
        yield f"      = {_named(other, key_at)}"
    yield from _more(equal.repeat.number - len(equal.shown))


def _said(equal: Equal) -> str:
    """What it means that arrays are equal."""
    repeat, medium, number = equal.repeat, equal.medium, equal.repeat.number
    if repeat.split is None or repeat.other is None:
        verb = "equals one" if number == 1 else "equal ones"
        return f"{counted(number, medium)} {verb} of another person"
    split, other = SPLITS[repeat.split], SPLITS[repeat.other]
    if split == other:
        verb = "repeats" if number == 1 else "repeat"
        return f"{counted(number, f'{split} {medium}')} {verb} an earlier one of {split}"
    return (
        f"LEAK: {counted(number, f'{split} {medium}')} {_is(number)} in {other}, too, to the last "
        f"{'pixel' if medium == 'face' else 'level'}"
    )


def _named(place: tuple[str, int], key_at: Callable[[str, int], str]) -> str:
    return f"{place[0]} {place[1]}  {key_at(*place)}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _more(number: int) -> Iterator[str]:
    if number:
        yield f"    and {number:,} more"
