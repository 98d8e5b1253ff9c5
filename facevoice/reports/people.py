"""Summarizes the people of a dataset for its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfdata.manifest import Manifest, Person
from tfdata.schema import SPLITS
from tfdata.text import agree, counted, listed, readable

# Larger datasets have a chart of all people, and rows of those with the fewest pairs only.
_MAX_ROWS = 60
_FEWEST_ROWS = 12
_MAX_COLUMNS = 240  # of the chart
_MAX_VALUES = 8  # of a meta attribute, such as nationality
_MAX_NAMES = 12  # in a sentence


@dataclass(frozen=True)
class PersonRow:
    """A person's pairs.

    Attributes:
      name: of the person.
      pairs: split to number of pairs.
      missing: number of pairs lost to rejected media.
    """

    name: str
    pairs: Mapping[str, int]
    missing: int

    @property
    def parts(self) -> dict[str, int]:
        """Returns the numbers that are not 0, by split or 'missing'."""
        parts = {**self.pairs, "missing": self.missing}
        return {part: count for part, count in parts.items() if count}


@dataclass(frozen=True)
class PeopleChart:
    """A stacked chart of the pairs of all people, in descending order.

    Attributes:
      columns: width of the view box.
      largest, median, smallest: numbers of pairs; the largest is the height of the view box.
      people: number of people.
      paths: split and SVG path, in drawing order.
    """

    columns: int
    largest: int
    median: int
    smallest: int
    people: int
    paths: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PeopleSummary:
    """The people of a dataset.

    Attributes:
      rows: of all people, or of those with the fewest pairs.
      chart: of all people, if `rows` has not all of them.
      longest: largest number of planned pairs of a person.
      digits: width of the numbers in `rows`.
      any_missing: whether a person lost pairs to rejected media.
      attributes: meta attribute to its values with numbers of people.
    """

    rows: Sequence[PersonRow]
    chart: PeopleChart | None
    longest: int
    digits: int
    any_missing: bool
    attributes: Mapping[str, str]


def summarize_people(people: Mapping[str, Person]) -> PeopleSummary:
    """Summarizes the people of a dataset."""
    shown = list(people.items())
    chart = None
    if len(people) > _MAX_ROWS:
        chart = _chart(people.values())
        shown.sort(key=lambda item: (_total(item[1]), item[1].label))
        shown = shown[:_FEWEST_ROWS]
    rows = [
        PersonRow(readable(name), {split: person.pairs[split] for split in SPLITS}, person.missing)
        for name, person in shown
    ]
    return PeopleSummary(
        rows=rows,
        chart=chart,
        longest=max((_total(person) + person.missing for person in people.values()), default=0),
        digits=max((len(f"{count:,}") for row in rows for count in row.pairs.values()), default=1),
        any_missing=any(person.missing for person in people.values()),
        attributes=_attributes(people.values()),
    )


def missing_pairs_sentence(manifest: Manifest) -> str:
    """Names the people who lost pairs to rejected media; empty if there are none."""
    missing = {name: person.missing for name, person in manifest.people.items()}
    missing |= manifest.without_pairs
    lost = sorted(
        ((count, name) for name, count in missing.items() if count),
        key=lambda item: (-item[0], item[1]),
    )
    if not lost:
        return ""
    names = [f"{readable(name)} ({count:,})" for count, name in lost[:_MAX_NAMES]]
    if len(lost) > _MAX_NAMES:
        names.append(counted(len(lost) - _MAX_NAMES, "other"))
    total = sum(count for count, _ in lost)
    return (
        f"{counted(total, 'pair')} {agree(total, 'is', 'are')} missing because no replacement "
        f"media were left: {listed(names)}."
    )


def _total(person: Person) -> int:
    return sum(person.pairs[split] for split in SPLITS)


def _attributes(people: Iterable[Person]) -> dict[str, str]:
    """Counts the values of gender and nationality, if the meta file has them."""
    people = list(people)
    found = {}
    for name in ("gender", "nationality"):
        counts = Counter(person.meta[name] for person in people if person.meta.get(name))
        values = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{value} {count:,}" for value, count in values[:_MAX_VALUES]]
        if rest := values[_MAX_VALUES:]:
            shown.append(f"{counted(len(rest), 'other')} {sum(count for _, count in rest):,}")
        if unknown := len(people) - sum(counts.values()):
            shown.append(f"unknown {unknown:,}")
        if counts:
            found[name.title()] = " · ".join(shown)
    return found


def _chart(people: Iterable[Person]) -> PeopleChart:
    ordered = sorted(people, key=lambda person: (-_total(person), person.label))
    columns = min(len(ordered), _MAX_COLUMNS)
    sampled = [ordered[i * len(ordered) // columns] for i in range(columns)]
    largest = max(_total(ordered[0]), 1)
    paths = []
    for i in reversed(range(len(SPLITS))):  # the tallest first; the others are drawn over it
        tops = [sum(person.pairs[split] for split in SPLITS[: i + 1]) for person in sampled]
        steps = "".join(f"V{largest - top}h1" for top in tops)
        paths.append((SPLITS[i], f"M0 {largest}{steps}V{largest}z"))
    median, smallest = _total(ordered[len(ordered) // 2]), _total(ordered[-1])
    return PeopleChart(columns, largest, median, smallest, len(ordered), paths)
