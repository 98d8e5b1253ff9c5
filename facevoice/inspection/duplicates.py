"""Finds equal arrays in a dataset from a digest of 16 bytes per array."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from tfdata.schema import SPLITS

DIGEST_BYTES = 16
MAX_SHOWN = 3
Integers = NDArray[np.intp]


def digest(array: NDArray[np.uint8]) -> bytes:
    """Returns a digest of the content of an array."""
    return blake2b(array.tobytes(), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True)
class Duplicates:
    """Arrays that are equal to others.

    Attributes:
      split: index in SPLITS of the split of the duplicates; None for all splits.
      original_split: index in SPLITS of the split of the originals. If equal to `split`, they
        precede the duplicates; None if the originals are of other people.
      count: number of duplicates.
      shown: positions of the first few duplicates, each with that of its original.
    """

    split: int | None
    original_split: int | None
    count: int
    shown: tuple[tuple[int, int], ...]


def find_duplicates(
    digests: bytes, splits: NDArray[np.uint8], labels: Integers
) -> list[Duplicates]:
    """Finds equal arrays across splits, then of different people, then within a split.

    Args:
      digests: concatenated digests of all arrays.
      splits: index of the split of each array, [arrays].
      labels: label of the person of each array, [arrays].
    """
    if not digests:
        return []
    firsts = _first_equal(np.frombuffer(digests, np.uint64).reshape(-1, 2))
    positions = np.arange(len(firsts))
    found = []
    for later in range(1, len(SPLITS)):
        for earlier in range(later):
            there, here = (positions[splits == split] for split in (earlier, later))
            values, first_there = np.unique(firsts[there], return_index=True)
            leaking = here[np.isin(firsts[here], values)]
            originals = there[first_there[np.searchsorted(values, firsts[leaking])]]
            found.append(_duplicates(later, earlier, leaking, originals))
    of_others = positions[labels != labels[firsts]]
    found.append(_duplicates(None, None, of_others, firsts[of_others]))
    for split in range(len(SPLITS)):
        here = positions[splits == split]
        _, first_here, group = np.unique(firsts[here], return_index=True, return_inverse=True)
        originals = here[first_here[group]]
        repeated = originals != here
        found.append(_duplicates(split, split, here[repeated], originals[repeated]))
    return [duplicates for duplicates in found if duplicates.count]


def _first_equal(digests: NDArray[np.uint64]) -> Integers:
    """Returns the position of the first equal digest for each digest, uint64 [arrays, 2]."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: equal digests keep their order
    ordered = digests[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    firsts = np.empty_like(order)
    firsts[order] = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
    return firsts


def _duplicates(
    split: int | None, original_split: int | None, positions: Integers, originals: Integers
) -> Duplicates:
    pairs = zip(positions[:MAX_SHOWN].tolist(), originals[:MAX_SHOWN].tolist(), strict=True)
    return Duplicates(split, original_split, len(positions), tuple(pairs))
