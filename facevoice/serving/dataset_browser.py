"""Selects and sorts what the pages of a dataset show, one page at a time.

The work for a page depends on the page, the number of people and the filters, but not on the number
of pairs: examples are read at their places, and those of a person are found in an index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from facevoice.inspection.examples import NotFoundError, feature_settings
from facevoice.inspection.originals import original_file
from facevoice.inspection.person_index import Integers, PersonIndex
from facevoice.random_access import read
from tfdata.errors import DatasetError
from tfdata.examples import Example
from tfdata.rejects import Reject, read_rejects
from tfdata.schema import SPLITS
from tfdata.text import counted, readable

T = TypeVar("T")
PEOPLE_PER_PAGE, PAIRS_PER_PAGE, REJECTS_PER_PAGE = 50, 24, 100


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list.

    Attributes:
      items: of the page.
      number, count: of this page, from 1, and of all pages.
      first, total: number of the first item, from 1, and of all items.
    """

    items: Sequence[T]
    number: int
    count: int
    first: int
    total: int


@dataclass(frozen=True)
class PersonRow:
    """A person in the list of people: label, name, and numbers of videos and pairs."""

    label: int
    name: str
    videos: int
    pairs: Mapping[str, int]
    total: int
    missing: int


@dataclass(frozen=True)
class Video:
    """A video of a person, with its number of pairs in each split."""

    name: str
    pairs: Mapping[str, int]


def _fewest_last(split: str) -> Callable[[PersonRow], int]:
    return lambda row: -row.pairs[split]


# What the list of people can be sorted by; names ascend at first, numbers descend.
SORT_KEYS: Mapping[str, Callable[[PersonRow], Any]] = {
    "name": lambda row: row.name.casefold(),
    "videos": lambda row: -row.videos,
    **{split: _fewest_last(split) for split in SPLITS},
    "pairs": lambda row: -row.total,
    "missing": lambda row: -row.missing,
}


class DatasetBrowser:
    """A dataset whose people, pairs and rejected media are shown page by page.

    Attributes:
      manifest: of the dataset.
      settings: its preprocessing settings.
      title: for the pages.
      reasons: reject reason to number of media, in descending order.
    """

    def __init__(self, data_dir: Path, audio: Path | None = None) -> None:
        """Opens a dataset; the first time, an index of its people is built, in seconds.

        Args:
          data_dir: its directory.
          audio: directory of the clips or videos that the dataset was built from, or None.

        Raises:
          DatasetError: the dataset or its list of rejected media is damaged.
        """
        self._examples = {split: read(data_dir, split) for split in SPLITS}
        if len({each.manifest_sha256 for each in self._examples.values()}) > 1:
            raise DatasetError(f"{data_dir} was rebuilt while it was opened; start again.")
        self._index = {split: PersonIndex(each) for split, each in self._examples.items()}
        self._audio = audio
        self.manifest = self._examples[SPLITS[0]].manifest
        self.settings = feature_settings(self.manifest)
        people, pairs = len(self.manifest.people), sum(map(len, self._examples.values()))
        name = data_dir.absolute().name
        self.title = (
            f"dataset {name}, {counted(people, 'person', 'people')}, {counted(pairs, 'pair')}"
        )
        self._identities = list(self.manifest.people)
        self._rows = [self._row(identity) for identity in self._identities]
        self._search_texts = [
            f"{readable(identity)}\n{person.meta.get('id', '')}".casefold()
            for identity, person in self.manifest.people.items()
        ]
        self._sorted = {name: sorted(self._rows, key=key) for name, key in SORT_KEYS.items()}
        self._all_rejects = read_rejects(data_dir)
        self._rejects: dict[str, list[Reject]] = {}
        for reject in self._all_rejects:
            self._rejects.setdefault(reject.reason, []).append(reject)
        counts = {reason: len(found) for reason, found in self._rejects.items()}
        self.reasons = dict(sorted(counts.items(), key=lambda item: -item[1]))

    def people(
        self, page: int, sort: str = "name", reverse: bool = False, name: str = "", split: str = ""
    ) -> Page[PersonRow]:
        """Returns a page of the list of people.

        Args:
          page: from 1; a page after the last is the last.
          sort: one of SORT_KEYS.
          reverse: whether the order is reversed.
          name: part of the name, or of the id in the metadata; case does not count.
          split: only people with pairs in this split; "" for all.
        """
        rows = self._sorted[sort][:: -1 if reverse else 1]
        if wanted := name.replace("_", " ").casefold():
            rows = [row for row in rows if wanted in self._search_texts[row.label]]
        if split:
            rows = [row for row in rows if row.pairs[split]]
        return _page(rows, page, PEOPLE_PER_PAGE)

    def person(self, label: int) -> PersonRow:
        """Returns a person.

        Raises:
          NotFoundError: there is no such label.
        """
        if label >= len(self._rows):
            raise NotFoundError(f"There is no person with the label {label}.")
        return self._rows[label]

    def meta(self, label: int) -> Mapping[str, str]:
        """Returns the columns of the metadata file of a person."""
        return self.manifest.people[self._identities[label]].meta

    def videos(self, label: int) -> list[Video]:
        """Returns the videos of a person's pairs."""
        counts = {split: self._index[split].videos(label) for split in SPLITS}
        names = sorted({name for videos in counts.values() for name in videos})
        return [
            Video(name, {split: counts[split].get(name, 0) for split in SPLITS}) for name in names
        ]

    def pairs(
        self, page: int, label: int | None = None, video: str = "", split: str = ""
    ) -> Page[tuple[str, int]]:
        """Returns a page of pairs, each as split and number in it.

        Args:
          page: from 1; a page after the last is the last.
          label: only pairs of this person; None for all.
          video: only pairs of this video of the person; "" for all.
          split: only pairs of this split; "" for all.
        """
        found: list[tuple[str, Sequence[int] | Integers]] = []
        for each in (split,) if split else SPLITS:
            index = self._index[each]
            numbers: Sequence[int] | Integers = range(len(self._examples[each]))
            if label is not None:
                numbers = index.of_video(label, video) if video else index.of_person(label)
            found.append((each, numbers))
        return _page(_Chained(found), page, PAIRS_PER_PAGE)

    def example(self, split: str, number: int) -> Example:
        """Returns an example.

        Raises:
          NotFoundError: there is no such example.
          DatasetError: it cannot be read.
        """
        if split not in SPLITS or number >= len(self._examples[split]):
            raise NotFoundError(f"There is no example {number} in {split}.")
        return self._examples[split][number]

    def audio_file(self, example: Example) -> Path | None:
        """Returns the clip or video of an example, or None if it is not at hand."""
        if self._audio is None:
            return None
        try:
            return original_file("--audio", self._audio, example.audio_source)
        except NotFoundError:
            return None

    def rejects(self, page: int, reason: str = "") -> Page[Reject]:
        """Returns a page of rejected media, of one reason or, with "", of all."""
        found = self._rejects.get(reason, []) if reason else self._all_rejects
        return _page(found, page, REJECTS_PER_PAGE)

    def _row(self, identity: str) -> PersonRow:
        person = self.manifest.people[identity]
        sessions = (self.manifest.splits[split].sessions.get(identity, ()) for split in SPLITS)
        return PersonRow(
            person.label,
            readable(identity),
            len(set().union(*sessions)),
            person.pairs,
            sum(person.pairs[split] for split in SPLITS),
            person.missing,
        )


class _Chained(Sequence[tuple[str, int]]):
    """The numbers of the examples of several splits, one split after the other."""

    def __init__(self, parts: Iterable[tuple[str, Sequence[int] | Integers]]) -> None:
        self._parts = list(parts)

    def __len__(self) -> int:
        return sum(len(numbers) for _, numbers in self._parts)

    def __getitem__(self, key: Any) -> Any:
        """Returns split and number at a position, or a list of them for a slice."""
        if isinstance(key, slice):
            return [self[position] for position in range(*key.indices(len(self)))]
        for split, numbers in self._parts:
            if key < len(numbers):
                return split, int(numbers[key])
            key -= len(numbers)
        raise IndexError(key)


def _page(items: Sequence[T], number: int, size: int) -> Page[T]:
    count = max(1, -(-len(items) // size))
    number = min(number, count)
    first = (number - 1) * size
    return Page(items[first : first + size], number, count, first + 1, len(items))
