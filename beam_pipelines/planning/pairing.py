"""Pairs faces with windows and distributes the rest as spares. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from beam_pipelines.corpus.listing import MediaFile
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.windows import Window

# A broken file needs one spare, a broken video one of another video; more make shuffles larger.
MAX_SPARES = 8


class MediaReference(Protocol):
    """A reference to a face image or to a window."""

    @property
    def path(self) -> str: ...

    @property
    def session(self) -> str: ...


T = TypeVar("T")
M = TypeVar("M", bound=MediaReference)


def group_by_session(media: Iterable[M]) -> dict[str, list[M]]:
    """Returns the media of each video, in the given order."""
    groups: dict[str, list[M]] = defaultdict(list)
    for medium in media:
        groups[medium.session].append(medium)
    return groups


def pair_within_videos(
    faces: Sequence[MediaFile], windows: Sequence[Window], sessions: Sequence[str]
) -> list[tuple[MediaFile, Window]]:
    """Pairs faces and windows of the same video, then the remaining ones across videos.

    Both are taken round robin from the given videos. The second window of a clip comes after the
    first windows of all clips.
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
    """Pairs faces and windows of one person from any videos.

    Both are taken round robin from the given videos; the windows of each round are in the order of
    a hash, so that they are not of the videos of the faces.
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
    """Returns the first item of each queue, then the second of each, and so on.

    Items of lower levels come before those of higher ones; within a round, items are sorted by
    `order`, then by queue.
    """
    ranked: list[tuple[tuple[int, int, int, int], T]] = []
    for turn, queue in enumerate(queues):
        before: Counter[int] = Counter()
        for item in queue:
            at = level(item)
            ranked.append(((at, before[at], order(item), turn), item))
            before[at] += 1
    return [item for _, item in sorted(ranked, key=lambda entry: entry[0])]


def distribute_spares(
    spares: Sequence[M], used: Sequence[M], same_file: bool = False
) -> list[tuple[M, ...]]:
    """Distributes media that no pair uses among those that pairs use, each to one only.

    Each gets one spare of the same video and then one of another video, for the case that a whole
    video is broken. The rest is distributed within videos, then to any.

    Args:
      spares: media that no pair uses.
      used: media that pairs use.
      same_file: whether a spare may be of the same file; otherwise, it never is, because that would
        be broken as well.

    Returns:
      up to MAX_SPARES spares for each of `used`, those of the same video first.
    """
    spares_of: list[list[M]] = [[] for _ in used]

    def distribute(
        left: Sequence[M], limit: int, fits: Callable[[M, M], bool], by_video: bool
    ) -> list[M]:
        """Distributes spares round robin up to a limit for each; returns the rest."""
        waiting: dict[str, deque[int]] = defaultdict(deque)
        for i, medium in enumerate(used):
            if len(spares_of[i]) < limit:
                waiting[medium.session if by_video else ""].append(i)
        rest = []
        for spare in left:
            queue = waiting[spare.session if by_video else ""]
            for _ in range(len(queue)):
                i = queue.popleft()
                if fits(spare, used[i]):
                    spares_of[i].append(spare)
                    if len(spares_of[i]) < limit:
                        queue.append(i)
                    break
                queue.append(i)
            else:
                rest.append(spare)
        return rest

    def is_possible(spare: M, medium: M) -> bool:
        return same_file or spare.path != medium.path

    def is_other_video(spare: M, medium: M) -> bool:
        return spare.session != medium.session

    left = distribute(spares, 1, is_possible, by_video=True)
    left = distribute(left, 2, is_other_video, by_video=False)
    left = distribute(left, MAX_SPARES, is_possible, by_video=True)
    distribute(left, MAX_SPARES, is_possible, by_video=False)
    return [
        tuple(sorted(chosen, key=lambda spare: is_other_video(spare, medium)))
        for chosen, medium in zip(spares_of, used, strict=True)
    ]


def _start(window: Window) -> int:
    return window.start_samples
