"""Which arrays of a data set are equal, from 16 bytes of each: no more is ever in memory."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from tfdata.schema import SPLITS

DIGEST_BYTES = 16
SHOWN = 3
Integers = NDArray[np.intp]


def digest(array: NDArray[np.uint8]) -> bytes:
    return blake2b(array.tobytes(), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True)
class Repeat:
    """Arrays that are there once more.

    Attributes:
      split: whose arrays are meant, a number of SPLITS, or None for all.
      other: the split that holds them, too; `split` itself: they repeat an earlier one of it;
        None: they are somebody else's.
      number: how many of them.
      shown: places of the first few, each with that of the array that it equals.
    """

    split: int | None
    other: int | None
    number: int
    shown: tuple[tuple[int, int], ...]


def find_repeats(digests: bytes, splits: NDArray[np.uint8], people: Integers) -> list[Repeat]:
    """Equal arrays across splits, then of several people, then within a split.

    Args:
      digests: of all arrays, one behind the other.
      splits: number of each one's split, [arrays].
      people: label of whom each is of, [arrays].
    """
    if not digests:
        return []
    firsts = _first_equal(np.frombuffer(digests, np.uint64).reshape(-1, 2))
    everywhere = np.arange(len(firsts))
    found = []
    for later in range(1, len(SPLITS)):
        for earlier in range(later):
            there, here = (everywhere[splits == split] for split in (earlier, later))
            held, first_there = np.unique(firsts[there], return_index=True)
            leaking = here[np.isin(firsts[here], held)]
            originals = there[first_there[np.searchsorted(held, firsts[leaking])]]
            found.append(_repeat(later, earlier, leaking, originals))
    strange = everywhere[people != people[firsts]]
    found.append(_repeat(None, None, strange, firsts[strange]))
    for split in range(len(SPLITS)):
        here = everywhere[splits == split]
        _, first_here, group = np.unique(firsts[here], return_index=True, return_inverse=True)
        originals = here[first_here[group]]
        again = originals != here
        found.append(_repeat(split, split, here[again], originals[again]))
    return [repeat for repeat in found if repeat.number]


def _first_equal(digests: NDArray[np.uint64]) -> Integers:
    """For each of the digests, uint64 [arrays, 2], the place of the first that equals it."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: equal ones keep their order
    ordered = digests[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    firsts = np.empty_like(order)
    firsts[order] = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    return firsts


def _repeat(split: int | None, other: int | None, places: Integers, originals: Integers) -> Repeat:
    shown = zip(places[:SHOWN].tolist(), originals[:SHOWN].tolist(), strict=True)
    return Repeat(split, other, len(places), tuple(shown))
