"""Formats what a build prints about files with equal content. Pure functions."""

from __future__ import annotations

from beam_pipelines.shards.duplicates import MAX_EXAMPLES, FoundDuplicates
from tfdata.text import agree, counted, printable


def duplicate_lines(duplicates: FoundDuplicates) -> list[str]:
    """Returns a line about each kind of files with equal content."""
    lines = conflict_lines(duplicates, max_examples=MAX_EXAMPLES)
    if count := duplicates.counts.within_split:
        lines.append(_copies(count, "of their person in one split", duplicates, "within_split", 1))
    return lines


def conflict_lines(duplicates: FoundDuplicates, max_examples: int) -> list[str]:
    """Returns lines about contents of several people, and about contents in several splits."""
    counts, lines = duplicates.counts, []
    if counts.across_people:
        what = "of another person, so a label is wrong"
        lines.append(_copies(counts.across_people, what, duplicates, "across_people", max_examples))
    if counts.across_splits:
        what = "in another split"
        lines.append(_copies(counts.across_splits, what, duplicates, "across_splits", max_examples))
    return lines


def _copies(
    count: int, what: str, duplicates: FoundDuplicates, kind: str, max_examples: int
) -> str:
    pairs = [
        " = ".join(f"{file.path} ({file.identity}, {file.split})" for file in example)
        for example in duplicates.examples[kind][:max_examples]
    ]
    has = agree(count, "has", "have")
    more = ", ..." if len(pairs) < count else ""
    return (
        f"{counted(count, 'file')} {has} the content of another file {what}: "
        f"{', '.join(map(printable, pairs))}{more}"
    )
