"""From the media of one person to its pairs: select, split, window, pair. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from beam_pipelines.corpus import Clip, MediaFile, PersonMedia
from beam_pipelines.hashing import rank
from beam_pipelines.sessions import Supply, pair_quotas, split_sessions, total
from beam_pipelines.settings import PlanSettings
from tfdata.schema import SPLITS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a clip that begins at `start_samples` of the rate it is resampled to."""

    clip: Clip
    start_samples: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One example to be made: a face and a window of one person."""

    identity: str
    split: str
    face: MediaFile
    window: Window

    @property
    def session(self) -> str:
        """The voice's video, which decides the shard."""
        return self.window.clip.session

    @property
    def key(self) -> str:
        return f"{self.face.path}|{self.window.clip.path}@{self.window.start_samples}"


def plan_person(
    media: PersonMedia, settings: PlanSettings, sample_rate_hz: int, window_samples: int
) -> list[Pair]:
    """Chooses the pairs of one person; the order of the media does not matter.

    Each face and each window is used at most once. Pairs are spread evenly over the videos, and
    within a video over its clips before a second window is taken from any.
    """
    identity = media.person.identity
    faces: dict[str, list[MediaFile]] = defaultdict(list)
    for face in sorted(media.faces, key=lambda f: rank(settings.seed, "face", f.path)):
        faces[face.session].append(face)
    windows: dict[str, list[Window]] = defaultdict(list)
    for window in _windows(media.clips, settings.seed, sample_rate_hz, window_samples):
        windows[window.clip.session].append(window)

    sessions = sorted(
        faces.keys() | windows.keys(), key=lambda s: (rank(settings.seed, "video", identity, s), s)
    )
    supply = {s: Supply(len(faces[s]), len(windows[s])) for s in sessions}
    count = min(settings.pairs_per_person, total(supply.values()).pairs)
    quotas = pair_quotas(count, settings.split_fractions)

    if settings.split_by == "pair":
        drawn = _pair_up(faces, windows, sessions, count)
        drawn.sort(key=lambda pair: rank(settings.seed, "pair", pair[0].path))
        splits = [split for split in SPLITS for _ in range(quotas[split])]
        return [
            Pair(identity, split, face, window)
            for split, (face, window) in zip(splits, drawn, strict=True)
        ]

    split_of = split_sessions(supply, quotas, sessions)
    possible = {
        split: [
            Pair(identity, split, face, window)
            for face, window in _pair_up(
                faces, windows, [s for s in sessions if split_of[s] == split], count
            )
        ]
        for split in SPLITS
    }
    pairs = [pair for split in SPLITS for pair in possible[split][: quotas[split]]]
    # Videos are whole, so a split may fall short of its quota; the others make up for it,
    # training first.
    train, *others = (possible[split][quotas[split] :] for split in SPLITS)
    return pairs + (train + _in_turn(others))[: count - len(pairs)]


def shard_index(pair: Pair, settings: PlanSettings) -> int:
    """The shard of a pair within its split: that of its video, whichever others there are."""
    return rank(settings.seed, "shard", pair.identity, pair.session) % settings.num_shards


def by_shard(
    pairs: Sequence[Pair], settings: PlanSettings
) -> list[tuple[tuple[str, int], tuple[Pair, ...]]]:
    """The pairs of one person, by (split, shard)."""
    parts: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    for pair in pairs:
        parts[pair.split, shard_index(pair, settings)].append(pair)
    return [(place, tuple(part)) for place, part in parts.items()]


def shard_order(pairs: Iterable[Pair], seed: int) -> list[Pair]:
    """The order of pairs within a shard."""
    return sorted(pairs, key=lambda pair: (rank(seed, "order", pair.key), pair.key))


def _windows(
    clips: Sequence[Clip], seed: int, sample_rate_hz: int, window_samples: int
) -> list[Window]:
    """All windows of all clips: first windows before second ones, clips by the rank of a path.

    A clip shorter than the window still has one, to be padded.
    """
    ranked = sorted(clips, key=lambda clip: rank(seed, "clip", clip.path))
    windows = []
    for clip in ranked:
        for index in range(max(1, clip.facts.samples_at(sample_rate_hz) // window_samples)):
            windows.append(Window(clip, index * window_samples))
    return sorted(windows, key=lambda window: window.start_samples)  # stable


def _pair_up(
    faces: dict[str, list[MediaFile]],
    windows: dict[str, list[Window]],
    sessions: Sequence[str],
    quota: int,
) -> list[tuple[MediaFile, Window]]:
    """Up to `quota` pairs: within one video while it has both, then across the given videos."""
    matched = {s: list(zip(faces[s], windows[s], strict=False)) for s in sessions}
    used = {s: len(matched[s]) for s in sessions}
    spare_faces = _in_turn([faces[s][used[s] :] for s in sessions])
    spare_windows = _in_turn([windows[s][used[s] :] for s in sessions])
    return (_in_turn(list(matched.values())) + list(zip(spare_faces, spare_windows, strict=False)))[
        :quota
    ]


def _in_turn(queues: Sequence[Sequence[T]]) -> list[T]:
    """The first of each queue, then the second of each, and so on."""
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]
