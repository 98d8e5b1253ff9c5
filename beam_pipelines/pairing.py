"""Which face goes with which window, and which media stand by for it. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from beam_pipelines.corpus import MediaFile
from beam_pipelines.hashing import rank
from beam_pipelines.windows import Window

# A broken file needs one spare, a broken video several; more would only make references longer.
MAX_SPARES = 8


class Medium(Protocol):
    """A face or a window."""

    @property
    def path(self) -> str: ...

    @property
    def session(self) -> str: ...


T = TypeVar("T")
M = TypeVar("M", bound=Medium)


def by_session(media: Iterable[M]) -> dict[str, list[M]]:
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
    faces_of, windows_of = by_session(faces), by_session(windows)
    matched = [list(zip(faces_of[s], windows_of[s], strict=False)) for s in sessions]
    used = {s: len(pairs) for s, pairs in zip(sessions, matched, strict=True)}
    faces_left = in_turn([faces_of[s][used[s] :] for s in sessions])
    windows_left = in_turn([windows_of[s][used[s] :] for s in sessions], _start)
    across = list(zip(faces_left, windows_left, strict=False))
    return in_turn(matched, lambda pair: _start(pair[1])) + across


def pair_by_identity(
    faces: Sequence[MediaFile], windows: Sequence[Window], sessions: Sequence[str], seed: int
) -> list[tuple[MediaFile, Window]]:
    """Pairs of one person, whichever videos they are from.

    Both kinds are taken from the videos in turn; in each round the voices' videos come in an order
    of their own.
    """
    faces_of, windows_of = by_session(faces), by_session(windows)
    return list(
        zip(
            in_turn([faces_of[s] for s in sessions]),
            in_turn(
                [windows_of[s] for s in sessions],
                _start,
                lambda window: rank(seed, "voice", window.path, str(window.start_samples)),
            ),
            strict=False,
        )
    )


def in_turn(
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


def deal_spares(spares: Iterable[M], owned: Sequence[M]) -> list[tuple[M, ...]]:
    """Deals media that no pair uses to those that pairs use, each to one only.

    A spare goes to a pair of its own video as long as one has room, then to any. It never stands
    by for a piece of its own file, with which it would be broken.

    Returns:
      up to MAX_SPARES spares for each of `owned`, those of its own video first.
    """
    dealt: list[list[M]] = [[] for _ in owned]
    places: dict[str, deque[int]] = defaultdict(deque)
    for i, medium in enumerate(owned):
        places[medium.session].append(i)
    everywhere = deque(range(len(owned)))

    def give(spare: M, queue: deque[int]) -> bool:
        for _ in range(len(queue)):
            place = queue.popleft()
            if len(dealt[place]) == MAX_SPARES:
                continue
            queue.append(place)
            if owned[place].path != spare.path:
                dealt[place].append(spare)
                return True
        return False

    others = [spare for spare in spares if not give(spare, places[spare.session])]
    for spare in others:
        give(spare, everywhere)
    return [tuple(found) for found in dealt]


def _start(window: Window) -> int:
    return window.start_samples
