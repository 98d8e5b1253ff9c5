"""Assigns the videos of a person to splits. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfdata.schema import SPLITS


@dataclass(frozen=True)
class Supply:
    """Numbers of faces and windows of one video or several."""

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
    """Divides a number of pairs by percentages, which are in the order of SPLITS.

    Validation and test get the nearest whole number, and at least one pair if their percentage is
    not 0 and training keeps one; training gets the rest.
    """
    train, validation, test = SPLITS
    quotas = dict.fromkeys(SPLITS, 0)
    for split in (test, validation):
        fraction = fractions[SPLITS.index(split)]
        if fraction:
            quota = max(1, round(pairs * fraction / 100))
            quotas[split] = min(quota, max(0, pairs - 1 - sum(quotas.values())))
    quotas[train] = pairs - sum(quotas.values())
    return quotas


def split_sessions(
    supply: Mapping[str, Supply], quotas: Mapping[str, int], order: Sequence[str]
) -> dict[str, str]:
    """Assigns each video of one person to one split, so that the quotas can be met.

    Test, then validation, takes videos in the given order until its quota is covered, and skips
    videos that later splits need. If it would get none (few videos, or large ones), it takes the
    smallest, as long as training keeps some. So a person with two videos is in train and test, and
    one with a single video only in train.

    Args:
      supply: video to its numbers of faces and windows.
      quotas: split to number of pairs.
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
        reserved = quotas[train] + (quotas[validation] if split == test else 0)
        taken = _take_videos(supply, rest, quota, reserved)
        if not total(supply[s] for s in taken).pairs:
            smallest_first = sorted(rest, key=lambda s: supply[s].faces + supply[s].windows)
            taken = _take_videos(supply, smallest_first, 1, 1)
            if not total(supply[s] for s in taken).pairs:
                continue
        chosen |= dict.fromkeys(taken, split)
        rest = [s for s in rest if s not in chosen]
    return chosen | dict.fromkeys(rest, train)


def shortfall(
    supply: Mapping[str, Supply], quotas: Mapping[str, int], split_of: Mapping[str, str]
) -> int:
    """Returns how many pairs of the quotas the splits cannot provide, in total."""
    missing = 0
    for split, quota in quotas.items():
        available = total(supply[s] for s, assigned in split_of.items() if assigned == split)
        missing += max(0, quota - available.pairs)
    return missing


def _take_videos(
    supply: Mapping[str, Supply], order: Sequence[str], quota: int, reserved: int
) -> list[str]:
    """Returns videos that cover a quota of pairs and leave enough for `reserved` more."""
    taken: list[str] = []
    covered, left = Supply(0, 0), total(supply[s] for s in order)
    for session in order:
        video = supply[session]
        needs_faces = covered.faces < quota and video.faces
        needs_windows = covered.windows < quota and video.windows
        remaining = Supply(left.faces - video.faces, left.windows - video.windows)
        if (needs_faces or needs_windows) and remaining.pairs >= reserved:
            taken.append(session)
            covered, left = covered + video, remaining
    return taken
