"""Finds examples in a data set's shards, without TensorFlow; one at a time is in memory."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.features import FeatureSettings
from tfdata.errors import DatasetError, FaceVoiceError
from tfdata.record_reader import read_shard
from tfdata.schema import (
    AUDIO_SOURCE,
    FACE_SOURCE,
    IDENTITY,
    IMAGE,
    KEY,
    SESSION,
    SPECTROGRAM,
    SPLITS,
    WINDOW_START,
    Manifest,
    Shard,
)
from tfdata.text import counted, listed, readable

_NAMED = 3  # keys or people in a sentence


class NotFoundError(FaceVoiceError):
    """What was asked for is not there: one sentence."""


@dataclass(frozen=True, eq=False)
class Example:
    """One pair, and where it lies.

    Attributes:
      split, index: the index counts from 0, in stored order.
      shard, record: file name, and the record's number in it, from 1 as `tfdata.verify` counts.
      key, identity, session, face_source, audio_source, window_start_samples: see `tfdata.schema`.
      image: uint8 [height, width, 3].
      levels: uint8 [bands, frames], the lowest band first.
    """

    split: str
    index: int
    shard: str
    record: int
    key: str
    identity: str
    session: str
    face_source: str
    audio_source: str
    window_start_samples: int
    image: NDArray[np.uint8]
    levels: NDArray[np.uint8]

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
) -> Iterator[Example]:
    """All examples of some splits, in stored order.

    Raises:
      DatasetError: a shard is damaged, or is none of this data set.
    """
    for split in splits:
        first = 0
        for shard in manifest.splits[split].shards:
            yield from _of_shard(data_dir, manifest, split, shard, first)
            first += shard.records


def example_at(data_dir: Path, manifest: Manifest, split: str, index: int) -> Example:
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


def by_key(examples: Iterable[Example], beginning: str) -> Example:
    """The example with this key, or the only one whose key begins so.

    Raises:
      NotFoundError: there is none, or are several.
    """
    found: Example | None = None
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


def spread(examples: Iterable[Example], most: int) -> list[Example]:
    """Up to `most` of one person's examples of a split: one of each video, then another of each."""
    seen: Counter[str] = Counter()
    kept: list[tuple[int, int, Example]] = []
    for example in examples:
        seen[example.session] += 1
        kept.append((seen[example.session], example.index, example))
        kept.sort(key=lambda item: item[:2])
        del kept[most:]
    return sorted((example for _, _, example in kept), key=lambda example: example.index)


def _of_shard(
    data_dir: Path, manifest: Manifest, split: str, shard: Shard, first: int
) -> Iterator[Example]:
    """The examples of one shard; `first` is the index of its first in the split."""
    number = 0
    for number, record in enumerate(read_shard(data_dir, manifest, shard), 1):
        try:
            yield Example(
                split=split,
                index=first + number - 1,
                shard=shard.file,
                record=number,
                key=_text(record[KEY]),
                identity=_text(record[IDENTITY]),
                session=_text(record[SESSION]),
                face_source=_text(record[FACE_SOURCE]),
                audio_source=_text(record[AUDIO_SOURCE]),
                window_start_samples=int(record[WINDOW_START]),
                image=_array(record[IMAGE], manifest.image_shape),
                levels=_array(record[SPECTROGRAM], manifest.spectrogram_shape),
            )
        except (KeyError, TypeError, ValueError):
            raise _foreign(data_dir, f"record {number} of {shard.file}") from None
    if number != shard.records:
        raise _foreign(data_dir, f"{shard.file}, with {number} records,")


def _foreign(data_dir: Path, what: str) -> DatasetError:
    return DatasetError(
        f"In {data_dir}, {what} is not what the manifest says; 'python -m tfdata.verify "
        f"{data_dir}' tells more."
    )


def _text(value: bytes | int) -> str:
    return _bytes(value).decode()


def _array(value: bytes | int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.frombuffer(_bytes(value), np.uint8).reshape(shape)


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise TypeError
    return value
