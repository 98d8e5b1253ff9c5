"""Which face goes with which window, and which media stand by for it. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from beam_pipelines.corpus.listing import MediaFile
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.windows import Window

# A broken file needs one spare, a broken video one of another video; more make references longer.
MAX_SPARES = 8


class MediaReference(Protocol):
    """A face or a window."""

    @property
    def path(self) -> str: ...

    @property
    def session(self) -> str: ...


T = TypeVar("T")
M = TypeVar("M", bound=MediaReference)


def group_by_session(media: Iterable[M]) -> dict[str, list[M]]:
    """The media of each video, in the given order."""
    found: dict[str, list[M]] = defaultdict(list)
    for medium in media:
        found[medium.session].append(medium)
    return found


def pair_within_videos(
    faces: Sequence[MediaFile], windows: Sequence[Window], sessions: Sequence[str]
) -> list[tuple[MediaFile, Window]]:
    """Pairs of one video as long as it has both, then of what is left across the given videos.

    Both kinds are taken from the videos in turn, and no clip gives a second window before every
    clip gave its first.
    """
    faces_of, windows_of = group_by_session(faces), group_by_session(windows)
    matched = [list(zip(faces_of[s], windows_of[s], strict=False)) for s in sessions]
    used = {s: len(pairs) for s, pairs in zip(sessions, matched, strict=True)}
    faces_left = round_robin([faces_of[s][used[s] :] for s in sessions])
    windows_left = round_robin([windows_of[s][used[s] :] for s in sessions], _start)
    across = list(zip(faces_left, windows_left, strict=False))
    within = round_robin(matched, lambda pair: _start(pair[1]))
    return sorted(within + across, key=lambda pair: _start(pair[1]))  # stable


def pair_by_identity(
    faces: Sequence[MediaFile], windows: Sequence[Window], sessions: Sequence[str], seed: int
) -> list[tuple[MediaFile, Window]]:
    """Pairs of one person, whichever videos they are from.

    Both kinds are taken from the videos in turn; in each round the voices' videos come in an order
    of their own.
    """
    faces_of, windows_of = group_by_session(faces), group_by_session(windows)
    return list(
        zip(
            round_robin([faces_of[s] for s in sessions]),
            round_robin(
                [windows_of[s] for s in sessions],
                _start,
                lambda window: rank(seed, "voice", window.path, str(window.start_samples)),
            ),
            strict=False,
        )
    )


def round_robin(
    queues: Sequence[Sequence[T]],
    level: Callable[[T], int] = lambda _: 0,
    order: Callable[[T], int] = lambda _: 0,
) -> list[T]:
    """The first of each queue, then the second of each, and so on.

    Lower levels come before higher ones; within a round, lower orders, then earlier queues.
    """
    ranked: list[tuple[tuple[int, int, int, int], T]] = []
    for turn, queue in enumerate(queues):
        before: Counter[int] = Counter()
        for item in queue:
            at = level(item)
            ranked.append(((at, before[at], order(item), turn), item))
            before[at] += 1
    return [item for _, item in sorted(ranked, key=lambda entry: entry[0])]


def distribute_spares(spares: Sequence[M], owned: Sequence[M]) -> list[tuple[M, ...]]:
    """Deals media that no pair uses to those that pairs use, each to one only.

    Everyone gets one of its own video and then one of another, which helps where a whole video is
    broken; what is left is dealt within videos, then to anyone. A spare never stands by for a
    piece of its own file, with which it would be broken.

    Returns:
      up to MAX_SPARES spares for each of `owned`, those of its own video first.
    """
    dealt: list[list[M]] = [[] for _ in owned]

    def deal(left: Sequence[M], most: int, fits: Callable[[M, M], bool], by_video: bool) -> list[M]:
        """Deals in turn to those who have fewer than `most`; returns what nobody took."""
        waiting: dict[str, deque[int]] = defaultdict(deque)
        for i, medium in enumerate(owned):
            if len(dealt[i]) < most:
                waiting[medium.session if by_video else ""].append(i)
        refused = []
        for spare in left:
            queue = waiting[spare.session if by_video else ""]
            for _ in range(len(queue)):
                place = queue.popleft()
                if fits(spare, owned[place]):
                    dealt[place].append(spare)
                    if len(dealt[place]) < most:
                        queue.append(place)
                    break
                queue.append(place)
            else:
                refused.append(spare)
        return refused

    def is_other_file(spare: M, own: M) -> bool:
        return spare.path != own.path

    def is_other_video(spare: M, own: M) -> bool:
        return spare.session != own.session

    left = deal(spares, 1, is_other_file, by_video=True)
    left = deal(left, 2, is_other_video, by_video=False)
    left = deal(left, MAX_SPARES, is_other_file, by_video=True)
    deal(left, MAX_SPARES, is_other_file, by_video=False)
    return [
        tuple(sorted(found, key=lambda spare: is_other_video(spare, own)))
        for found, own in zip(dealt, owned, strict=True)
    ]


def _start(window: Window) -> int:
    return window.start_samples
