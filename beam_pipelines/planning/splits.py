"""Which video goes into which split: the pure part of a split that does not leak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfdata.schema import SPLITS


@dataclass(frozen=True)
class Supply:
    """What a video, or several, can give."""

    faces: int
    windows: int

    @property
    def pairs(self) -> int:
        return min(self.faces, self.windows)

    def __add__(self, other: Supply) -> Supply:
        return Supply(self.faces + other.faces, self.windows + other.windows)


def total(supplies: Iterable[Supply]) -> Supply:
    return sum(supplies, Supply(0, 0))


def pair_quotas(pairs: int, fractions: Sequence[float]) -> dict[str, int]:
    """Divides a number of pairs by percentages, in the order of SPLITS.

    Validation and test get the nearest whole number, and at least one pair where they are wanted
    and there is one to spare; training gets the rest.
    """
    train, validation, test = SPLITS
    quotas = dict.fromkeys(SPLITS, 0)
    for split in (test, validation):
        fraction = fractions[SPLITS.index(split)]
        if fraction:
            wanted = max(1, round(pairs * fraction / 100))
            quotas[split] = min(wanted, max(0, pairs - 1 - sum(quotas.values())))
    quotas[train] = pairs - sum(quotas.values())
    return quotas


def split_sessions(
    supply: Mapping[str, Supply], quotas: Mapping[str, int], order: Sequence[str]
) -> dict[str, str]:
    """Gives each video of one person to one split, so that the quotas can be met.

    Test, then validation, takes videos in the given order until its quota is covered, passing
    over those that the splits after it cannot do without. Where that leaves it with nothing (few
    videos, or large ones), it takes the smallest, as long as training keeps something. So a
    person with two videos is trained and tested on, and one with a single video only trained on.

    Args:
      supply: what each video can give.
      quotas: pairs wanted by each split.
      order: the videos, in the order in which they are considered.

    Returns:
      video to split.
    """
    train, validation, test = SPLITS
    rest = list(order)
    chosen: dict[str, str] = {}
    for split in (test, validation):
        quota = quotas[split]
        if not quota:
            continue
        still_wanted = quotas[train] + (quotas[validation] if split == test else 0)
        taken = _cover(supply, rest, quota, still_wanted)
        if not total(supply[s] for s in taken).pairs:
            smallest_first = sorted(rest, key=lambda s: supply[s].faces + supply[s].windows)
            taken = _cover(supply, smallest_first, 1, 1)
            if not total(supply[s] for s in taken).pairs:
                continue
        chosen |= dict.fromkeys(taken, split)
        rest = [s for s in rest if s not in chosen]
    return chosen | dict.fromkeys(rest, train)


def shortfall(
    supply: Mapping[str, Supply], quotas: Mapping[str, int], split_of: Mapping[str, str]
) -> int:
    """How many pairs of their due the splits cannot give, all together."""
    missing = 0
    for split, quota in quotas.items():
        here = total(supply[s] for s, home in split_of.items() if home == split)
        missing += max(0, quota - here.pairs)
    return missing


def _cover(
    supply: Mapping[str, Supply], order: Sequence[str], quota: int, still_wanted: int
) -> list[str]:
    """Videos that cover a quota of pairs and leave enough for `still_wanted` more."""
    taken: list[str] = []
    have, left = Supply(0, 0), total(supply[s] for s in order)
    for session in order:
        gives = supply[session]
        needed = (have.faces < quota and gives.faces) or (have.windows < quota and gives.windows)
        remains = Supply(left.faces - gives.faces, left.windows - gives.windows)
        if needed and remains.pairs >= still_wanted:
            taken.append(session)
            have, left = have + gives, remains
    return taken
