"""Formats a survey of a dataset as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from facevoice.inspection.histogram import Histogram
from facevoice.inspection.survey import DuplicateMedia, Position, Survey
from facevoice.inspection.text import table
from tfdata.schema import SPLITS
from tfdata.text import agree, counted, printable

NO_ANOMALIES = (
    "No anomalies: no blank, black or white faces, no flat or silent voices, no duplicates."
)
KeyAt = Callable[[str, int], str]


def survey_text(survey: Survey, key_at: KeyAt) -> str:
    """Formats the histograms of each split and the anomalies.

    Args:
      survey: of all examples of a dataset.
      key_at: returns the key of the example at a split and an index.
    """
    columns = ("mean", "std", "at 0", "at 255", "0 to 255".ljust(32))
    parts = []
    for title, histograms in (("Faces", survey.faces), ("Spectrograms", survey.voices)):
        rows = [(title, *columns), *(_row(split, each) for split, each in histograms.items())]
        parts += [table(rows), ""]
    anomalies = list(_faulty_lines(survey))
    for duplicates in survey.duplicates():
        anomalies += _duplicate_lines(duplicates, key_at)
    return "\n".join([*parts, "Anomalies:" if anomalies else NO_ANOMALIES, *anomalies])


def _row(split: str, histogram: Histogram) -> tuple[str, ...]:
    return (
        split,
        f"{histogram.mean:.1f}",
        f"{histogram.std:.1f}",
        f"{histogram.share(0):.1%}",
        f"{histogram.share(255):.1%}",
        histogram.sparkline(),
    )


def _faulty_lines(survey: Survey) -> Iterator[str]:
    for (medium, fault), faulty in survey.faulty.items():
        yield f"- {counted(faulty.count, medium)} {agree(faulty.count, 'is', 'are')} {fault}:"
        yield from (f"    {place}  {printable(key)}" for place, key in faulty.shown)
        yield from _more(faulty.count - len(faulty.shown))


def _duplicate_lines(found: DuplicateMedia, key_at: KeyAt) -> Iterator[str]:
    yield f"- {_duplicates_sentence(found)}:"
    for duplicate, original in found.shown:
        yield f"    {_position_text(duplicate, key_at)}"
        yield f"      = {_position_text(original, key_at)}"
    yield from _more(found.duplicates.count - len(found.shown))


def _duplicates_sentence(found: DuplicateMedia) -> str:
    duplicates, medium, count = found.duplicates, found.medium, found.duplicates.count
    if duplicates.split is None or duplicates.original_split is None:
        verb = agree(count, "equals one", "equal ones")
        return f"{counted(count, medium)} {verb} of another person"
    split, original = SPLITS[duplicates.split], SPLITS[duplicates.original_split]
    if split == original:
        verb = agree(count, "duplicates", "duplicate")
        return f"{counted(count, f'{split} {medium}')} {verb} an earlier one of {split}"
    verb = agree(count, "is", "are")
    return f"LEAK: {counted(count, f'{split} {medium}')} {verb} also in {original}"


def _position_text(position: Position, key_at: KeyAt) -> str:
    split, index = position
    return f"{split} {index}  {printable(key_at(split, index))}"


def _more(count: int) -> Iterator[str]:
    if count:
        yield f"    and {count:,} more"
