"""Finds files with equal content among the media of a dataset, from the shard results.

Each use of a file takes 30 bytes of memory here, so that the media of a million pairs fit into the
driver. The paths stay in the shard results, of which a few are read again to name examples.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.errors import BuildError
from beam_pipelines.planning.hashing import rank
from beam_pipelines.shards.shard_results import ShardResult, read_result
from beam_pipelines.shards.stores import Store
from tfdata.manifest import Duplicates
from tfdata.schema import SPLITS

MAX_EXAMPLES = 3


@dataclass(frozen=True)
class UsedFile:
    """A file that a record was made from."""

    path: str
    identity: str
    split: str


Example = tuple[UsedFile, UsedFile]
Uses = NDArray[np.intp]


@dataclass(frozen=True)
class FoundDuplicates:
    """Files with equal content.

    Attributes:
      counts: numbers of files.
      leaking_pairs: validation and test to number of pairs with the content of another file that is
        in training.
      examples: field of `counts` to the first few examples, each of two files.
    """

    counts: Duplicates
    leaking_pairs: Mapping[str, int]
    examples: Mapping[str, Sequence[Example]]


@dataclass
class MediaIndex:
    """The content of all media of a dataset.

    Records follow each other, each with two uses: of its image, then of its clip.
    """

    digests: bytearray = field(default_factory=bytearray)
    files: array[int] = field(default_factory=lambda: array("Q"))  # hashes of person and path
    splits: array[int] = field(default_factory=lambda: array("B"))
    people: array[int] = field(default_factory=lambda: array("I"))
    identities: dict[str, int] = field(default_factory=dict)
    blocks: list[tuple[int, str, str]] = field(default_factory=list)  # first use, shard, person

    def add(self, shard: str, result: ShardResult) -> None:
        """Adds the media of a shard, by the digest of its plan."""
        for identity, media in (result.media or {}).items():
            self.blocks.append((len(self.files), shard, identity))
            person = self.identities.setdefault(identity, len(self.identities))
            for kind, path in media.uses():
                self.files.append(rank(0, kind, identity, path))
            uses = 2 * len(media.faces)
            self.digests += bytes.fromhex(media.digests)
            self.splits.extend([SPLITS.index(result.split)] * uses)
            self.people.extend([person] * uses)

    def groups(self) -> Iterator[Uses]:
        """Yields the uses of each content that several files have, in the order of digests."""
        if not self.files:
            return
        digests = np.frombuffer(self.digests, np.uint64).reshape(-1, 2)
        files = np.frombuffer(self.files, np.uint64)
        order = np.lexsort((files, digests[:, 1], digests[:, 0]))
        digests, files = digests[order], files[order]
        is_equal = (digests[1:] == digests[:-1]).all(axis=1)
        starts = np.flatnonzero(np.concatenate([[True], ~is_equal]))
        ends = np.append(starts[1:], len(order))
        repeats = np.flatnonzero(is_equal & (files[1:] != files[:-1])) + 1
        for group in np.unique(np.searchsorted(starts, repeats, side="right") - 1):
            yield order[starts[group] : ends[group]]

    def locate(self, use: int) -> tuple[str, str, int]:
        """Returns shard and identity of a use, and its index among the person's in the shard."""
        first, shard, identity = self.blocks[
            bisect_right(self.blocks, use, key=lambda block: block[0]) - 1
        ]
        return shard, identity, use - first


def find_duplicates(index: MediaIndex, store: Store) -> FoundDuplicates:
    """Finds files with equal content; `store` holds the shard results of the index."""
    counts = dict.fromkeys(("across_people", "across_splits", "within_split"), 0)
    examples: dict[str, list[Example]] = {kind: [] for kind in counts}
    leaking = [np.zeros(0, np.intp)]
    for group in index.groups():
        kind = _kind(index, group)
        counts[kind] += len({index.files[use] for use in group}) - 1
        leaking.append(_leaking_pairs(index, group))
        if len(examples[kind]) < MAX_EXAMPLES:
            first, second = _most_different(index, group)
            examples[kind].append(
                (_used_file(index, first, store), _used_file(index, second, store))
            )
    splits = [index.splits[2 * pair] for pair in np.unique(np.concatenate(leaking))]
    return FoundDuplicates(
        Duplicates(**counts),
        {split: splits.count(i) for i, split in enumerate(SPLITS) if i},
        examples,
    )


def _kind(index: MediaIndex, group: Uses) -> str:
    """Returns the field of Duplicates that counts a group of equal files."""
    if len({index.people[use] for use in group}) > 1:
        return "across_people"
    return "across_splits" if len({index.splits[use] for use in group}) > 1 else "within_split"


def _leaking_pairs(index: MediaIndex, group: Uses) -> Uses:
    """Returns the pairs of validation and test whose file has another name in training."""
    files = np.array([index.files[use] for use in group], np.uint64)
    in_training = np.array([index.splits[use] == 0 for use in group])
    originals = np.unique(files[in_training])
    if not len(originals):
        return group[:0]
    leaks = ~in_training & ((len(originals) > 1) | (files != originals[0]))
    return group[leaks] // 2


def _most_different(index: MediaIndex, group: Uses) -> tuple[int, int]:
    """Returns uses of two files, of two people or else of two splits if there are any."""
    names = list(index.identities)

    def of(use: int) -> tuple[int, str, int]:
        return index.splits[use], names[index.people[use]], index.files[use]

    uses = sorted(map(int, group), key=of)
    others = [use for use in uses if index.files[use] != index.files[uses[0]]]
    second = max(
        others, key=lambda use: (of(use)[1] != of(uses[0])[1], of(use)[0] != of(uses[0])[0])
    )  # the first of several maxima
    if index.splits[second] == index.splits[uses[0]]:
        # Another split may have the first file itself, by another window.
        same_file = [use for use in uses if index.files[use] == index.files[uses[0]]]
        return same_file[-1], second
    return uses[0], second


def _used_file(index: MediaIndex, use: int, store: Store) -> UsedFile:
    shard, identity, position = index.locate(use)
    result = read_result(store, shard)
    if result is None or result.media is None:
        raise BuildError(f"The result of shard {shard} disappeared; run the same command again.")
    media = result.media[identity]
    paths = media.clips if position % 2 else media.faces
    return UsedFile(paths[position // 2], identity, result.split)
