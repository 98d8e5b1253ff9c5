"""Counts pairs of validation and test that share a video or audio samples with training."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from beam_pipelines.planning.plan import Pair
from tfdata.manifest import Leak
from tfdata.schema import SPLITS

Leaks = dict[str, Leak]


def count_leaks(pairs: Sequence[Pair], window_samples: int) -> Leaks:
    """Counts the leaks of one person: validation and test to Leak.

    `same_video` counts pairs whose face or window is of a video that is also in training,
    `same_audio` pairs whose window overlaps a window of training.
    """
    train, *held_out = SPLITS
    videos: set[str] = set()
    starts: dict[str, list[int]] = defaultdict(list)
    for pair in pairs:
        if pair.split == train:
            videos |= {pair.face.session, pair.session}
            starts[pair.window.path].append(pair.window.start_samples)
    for train_starts in starts.values():
        train_starts.sort()

    def overlaps(path: str, start: int) -> bool:
        train_starts = starts.get(path, [])
        at = bisect_left(train_starts, start - window_samples + 1)
        return at < len(train_starts) and train_starts[at] < start + window_samples

    return {
        split: Leak(
            pairs=len(split_pairs),
            same_video=sum(bool(videos & {p.face.session, p.session}) for p in split_pairs),
            same_audio=sum(overlaps(p.window.path, p.window.start_samples) for p in split_pairs),
        )
        for split in held_out
        for split_pairs in [[pair for pair in pairs if pair.split == split]]
    }


def sum_leaks(parts: Iterable[Leaks]) -> Leaks:
    """Returns the sum of the leaks of several people."""
    total = {split: Leak(0, 0, 0) for split in SPLITS[1:]}
    for part in parts:
        for split, leak in part.items():
            total[split] += leak
    return total
