"""Finds examples in a data set's shards, without TensorFlow; one at a time is in memory."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facevoice.features import FeatureSettings
from tfdata.errors import DatasetError, FaceVoiceError
from tfdata.examples import Example, read_examples
from tfdata.manifest import Manifest, Shard
from tfdata.schema import SPLITS
from tfdata.text import counted, listed, readable

_NAMED = 3  # keys or people in a sentence


class NotFoundError(FaceVoiceError):
    """What was asked for is not there: one sentence."""


@dataclass(frozen=True, eq=False)
class StoredExample(Example):
    """An example and its place in the dataset.

    Attributes:
      split, index: the index counts from 0, in stored order.
      shard, record: file name, and number of the record in it, from 1 as in `tfdata.verify`.
    """

    split: str
    index: int
    shard: str
    record: int

    @property
    def place(self) -> str:
        return f"{self.split} {self.index}"


def feature_settings(manifest: Manifest) -> FeatureSettings:
    """The settings that the arrays were made with.

    Raises:
      DatasetError: they make no sense.
    """
    try:
        return FeatureSettings(**manifest.features)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"The manifest's features make no sense: {error}") from None


def walk_examples(
    data_dir: Path, manifest: Manifest, splits: Sequence[str] = SPLITS
) -> Iterator[StoredExample]:
    """All examples of some splits, in stored order.

    Raises:
      DatasetError: a shard is damaged, or is none of this data set.
    """
    for split in splits:
        first = 0
        for shard in manifest.splits[split].shards:
            yield from _of_shard(data_dir, manifest, split, shard, first)
            first += shard.records


def example_at(data_dir: Path, manifest: Manifest, split: str, index: int) -> StoredExample:
    """One example by its place; reads no other shard.

    Raises:
      NotFoundError: the split has fewer.
      DatasetError: see `walk_examples`.
    """
    first = 0
    for shard in manifest.splits[split].shards:
        if index < first + shard.records:
            examples = _of_shard(data_dir, manifest, split, shard, first)
            return next(example for example in examples if example.index == index)
        first += shard.records
    raise NotFoundError(
        f"There is no example {index} in {split}, which has {counted(first, 'pair')}"
        f"{f'; use 0 to {first - 1}' if first else ''}."
    )


def by_key(examples: Iterable[StoredExample], beginning: str) -> StoredExample:
    """The example with this key, or the only one whose key begins so.

    Raises:
      NotFoundError: there is none, or are several.
    """
    found: StoredExample | None = None
    keys: list[str] = []
    number = 0
    for example in examples:
        if example.key == beginning:
            return example
        if example.key.startswith(beginning):
            number += 1
            found = found or example
            keys += [example.key] if number <= _NAMED else []
    if found is None:
        raise NotFoundError(
            f"No key begins with {beginning!r}; a key is FACE|CLIP@SAMPLE, and --person NAME lists "
            f"somebody's."
        )
    if number > 1:
        raise NotFoundError(
            f"{number:,} keys begin with {beginning!r}, such as {listed(keys)}; give more of one."
        )
    return found


def find_person(manifest: Manifest, name: str) -> str:
    """The identity that is meant.

    It may be as stored, as one would write it or the meta file's id, or the beginning of one of
    these, as long as it is nobody else's.

    Raises:
      NotFoundError: nobody is called so.
    """
    if name in manifest.people:
        return name
    names: dict[str, str] = {}
    for identity, person in manifest.people.items():
        for other in (identity, readable(identity), person.meta.get("id", identity)):
            names.setdefault(other.casefold(), identity)
    if name.casefold() in names:
        return names[name.casefold()]
    meant = {names[other] for other in names if name and other.startswith(name.casefold())}
    if len(meant) == 1:
        return meant.pop()
    near = difflib.get_close_matches(name.casefold(), names, n=1)
    hint = f"did you mean {names[near[0]]}?" if near else f"there are {people_words(manifest)}."
    raise NotFoundError(f"Nobody is called {name!r}; {hint}")


def people_words(manifest: Manifest, most: int = 12) -> str:
    """Who is in the data set, the first of them by name."""
    names = list(manifest.people)
    if len(names) > most:
        return listed([*names[: most - 1], f"{len(names) - most + 1:,} more"])
    return listed(names)


def spread(examples: Iterable[StoredExample], most: int) -> list[StoredExample]:
    """Up to `most` of one person's examples of a split: one of each video, then another of each."""
    seen: Counter[str] = Counter()
    kept: list[tuple[int, int, StoredExample]] = []
    for example in examples:
        seen[example.session] += 1
        kept.append((seen[example.session], example.index, example))
        kept.sort(key=lambda item: item[:2])
        del kept[most:]
    return sorted((example for _, _, example in kept), key=lambda example: example.index)


def _of_shard(
    data_dir: Path, manifest: Manifest, split: str, shard: Shard, first: int
) -> Iterator[StoredExample]:
    """Yields the examples of one shard; `first` is the index of its first in the split."""
    for number, example in enumerate(read_examples(data_dir, manifest, [shard])):
        yield StoredExample(
            **vars(example), split=split, index=first + number, shard=shard.file, record=number + 1
        )
