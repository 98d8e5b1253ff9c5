"""How much of what a model is tested on it has met in training: counted, not assumed."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from beam_pipelines.planning.plan import Pair
from tfdata.manifest import Leak
from tfdata.schema import SPLITS

Leaks = dict[str, Leak]


def count_leaks(pairs: Sequence[Pair], window_samples: int) -> Leaks:
    """For validation and test, the pairs of one person that training gives away.

    `same_video`: the face's or the voice's video also gave a face or a voice to training.
    `same_audio`: some of its samples also lie in a window of training.
    """
    train, *unseen = SPLITS
    videos: set[str] = set()
    starts: dict[str, list[int]] = defaultdict(list)
    for pair in pairs:
        if pair.split == train:
            videos |= {pair.face.session, pair.session}
            starts[pair.window.path].append(pair.window.start_samples)
    for found in starts.values():
        found.sort()

    def overlaps(path: str, start: int) -> bool:
        at = bisect_left(starts.get(path, []), start - window_samples + 1)
        return at < len(starts.get(path, [])) and starts[path][at] < start + window_samples

    return {
        split: Leak(
            pairs=len(here),
            same_video=sum(bool(videos & {p.face.session, p.session}) for p in here),
            same_audio=sum(overlaps(p.window.path, p.window.start_samples) for p in here),
        )
        for split in unseen
        for here in [[pair for pair in pairs if pair.split == split]]
    }


def sum_leaks(parts: Iterable[Leaks]) -> Leaks:
    """The leaks of all people together."""
    total = {split: Leak(0, 0, 0) for split in SPLITS[1:]}
    for part in parts:
        for split, leak in part.items():
            total[split] += leak
    return total
