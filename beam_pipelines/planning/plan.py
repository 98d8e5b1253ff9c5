"""Plans the pairs of one person: split, cut windows, pair, add spares. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from beam_pipelines.corpus.listing import MediaFile, PersonMedia, assume_all_valid
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.moments import FaceSource, add_moments, cut_moments
from beam_pipelines.planning.pairing import (
    MAX_SPARES,
    distribute_spares,
    group_by_session,
    pair_by_identity,
    pair_within_videos,
    round_robin,
)
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.splits import Supply, pair_quotas, shortfall, split_sessions, total
from beam_pipelines.planning.windows import Grid, Window, cut_windows
from tfdata.schema import SPLITS

MAX_ATTEMPTS = 32  # orders of a person's videos, to find splits that meet the quotas


@dataclass(frozen=True)
class Pair:
    """A planned example: a face and a window of one person, and their spares.

    With a moment of a video, face and window are the same moment, and so are their spares.
    """

    identity: str
    split: str
    face: FaceSource
    window: Window
    spare_faces: tuple[FaceSource, ...] = ()
    spare_windows: tuple[Window, ...] = ()

    @property
    def session(self) -> str:
        """Returns the video of the window, which determines the shard."""
        return self.window.session

    @property
    def is_moment(self) -> bool:
        return self.window.is_moment

    @property
    def key(self) -> str:
        return self.record_key()

    def record_key(self, frame_seconds: float | None = None) -> str:
        """Returns the key of the record, with the time of the frame that shows the face."""
        face = self.face.path if frame_seconds is None else f"{self.face.path}@{frame_seconds:.3f}"
        return f"{face}|{self.window.path}@{self.window.start_samples}"


def plan_person(media: PersonMedia, settings: PlanSettings, grid: Grid) -> list[Pair]:
    """Returns the pairs of one person; the order of the media does not matter.

    Each face and each window is used at most once, in a pair or as a spare. Pairs are spread
    evenly over the videos; the second window of a clip comes after the first windows of all clips.
    """
    identity, seed = media.person.identity, settings.seed
    images = sorted(media.faces, key=lambda face: rank(seed, "face", face.path))
    max_per_clip = settings.pairs_per_person * (1 + MAX_SPARES)
    moments = cut_moments(media.videos, grid, seed, max_per_clip)
    faces: list[FaceSource] = [*images, *moments]
    windows = [*cut_windows(media.clips, grid, seed, max_per_clip), *moments]
    videos = {*group_by_session(faces), *group_by_session(windows)}
    sessions = _ranked(videos, seed, "video", identity)

    def pair_up(
        faces: Sequence[FaceSource], windows: Sequence[Window]
    ) -> list[tuple[FaceSource, Window]]:
        images = [face for face in faces if isinstance(face, MediaFile)]
        of_clips = [window for window in windows if not window.is_moment]
        pairs = (
            pair_by_identity(images, of_clips, sessions, seed)
            if settings.pairing == "identity"
            else pair_within_videos(images, of_clips, sessions)
        )
        moments = [window for window in windows if window.is_moment]
        return add_moments(moments, pairs, sessions) if moments else [*pairs]

    if settings.split_by == "pair":
        matched = pair_up(faces, windows)[: settings.pairs_per_person]
        matched.sort(key=lambda pair: rank(seed, "pair", *_name(pair[0])))
        quotas = pair_quotas(len(matched), settings.split_fractions)
        splits = [split for split in SPLITS for _ in range(quotas[split])]
        pairs = [Pair(identity, s, *pair) for s, pair in zip(splits, matched, strict=True)]
        return assign_spares(pairs, faces, windows)

    split_of, quotas = (
        _split_by_file(windows, faces, media.person, settings)
        if settings.split_by == "file"
        else _split_by_video(windows, faces, identity, settings)
    )
    faces_in = {s: [f for f in faces if split_of.get(f.path) == s] for s in SPLITS}
    windows_in = {s: [w for w in windows if split_of.get(w.path) == s] for s in SPLITS}
    possible = {
        s: [Pair(identity, s, *pair) for pair in pair_up(faces_in[s], windows_in[s])]
        for s in SPLITS
    }
    chosen = _fill_quotas(possible, quotas)
    return [pair for s in SPLITS for pair in assign_spares(chosen[s], faces_in[s], windows_in[s])]


def assign_spares(
    pairs: Sequence[Pair], faces: Iterable[FaceSource], windows: Iterable[Window]
) -> list[Pair]:
    """Returns the pairs with the remaining media as spares (see `distribute_spares`).

    Those of a moment are other moments, whose files may be the same: in most, only a face is
    missing.
    """
    of_moments = [pair for pair in pairs if pair.is_moment]
    of_files = [pair for pair in pairs if not pair.is_moment]
    used_faces = {pair.face.path for pair in of_files}
    used_windows = {(pair.is_moment, *_name(pair.window)) for pair in pairs}
    unused = [w for w in windows if (w.is_moment, *_name(w)) not in used_windows]
    spare_faces = distribute_spares(
        [face for face in faces if isinstance(face, MediaFile) and face.path not in used_faces],
        [pair.face for pair in of_files if isinstance(pair.face, MediaFile)],
    )
    spare_windows = distribute_spares(
        [window for window in unused if not window.is_moment], [pair.window for pair in of_files]
    )
    spare_moments = distribute_spares(
        [window for window in unused if window.is_moment],
        [pair.window for pair in of_moments],
        same_file=True,
    )
    return [
        *(
            replace(pair, spare_faces=pair_faces, spare_windows=pair_windows)
            for pair, pair_faces, pair_windows in zip(
                of_files, spare_faces, spare_windows, strict=True
            )
        ),
        *(
            replace(pair, spare_faces=spares, spare_windows=spares)
            for pair, spares in zip(of_moments, spare_moments, strict=True)
        ),
    ]


def count_lost_pairs(
    media: PersonMedia, pairs: Sequence[Pair], settings: PlanSettings, grid: Grid
) -> int:
    """Returns how many more pairs there would be if no file was rejected by name or header.

    A rejected clip counts as one window.
    """
    if not media.rejects:
        return 0
    whole = assume_all_valid(media, grid.sample_rate_hz, grid.window_samples)
    return max(0, len(plan_person(whole, settings, grid)) - len(pairs))


def shard_index(pair: Pair, settings: PlanSettings) -> int:
    """Returns the shard of a pair within its split, which depends on identity and video only."""
    return rank(settings.seed, "shard", pair.identity, pair.session) % settings.num_shards


def group_by_shard(
    pairs: Sequence[Pair], settings: PlanSettings
) -> list[tuple[tuple[str, int], tuple[Pair, ...]]]:
    """Groups the pairs of one person by (split, index of the shard)."""
    groups: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.split, shard_index(pair, settings)].append(pair)
    return [(shard, tuple(group)) for shard, group in groups.items()]


def group_by_identity(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Returns the pairs of each identity, in the given order."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.identity].append(pair)
    return groups


def shard_order(pairs: Iterable[Pair], seed: int) -> list[Pair]:
    """Sorts the pairs of a shard."""
    return sorted(pairs, key=lambda pair: (rank(seed, "order", pair.key), pair.key))


def _split_by_video(
    windows: Sequence[Window],
    faces: Sequence[FaceSource],
    identity: str,
    settings: PlanSettings,
) -> tuple[dict[str, str], dict[str, int]]:
    """Returns path to split, with each video in one split, and split to number of pairs.

    Of several orders of the videos, the first that meets the quotas is used, or the one that comes
    closest.
    """
    faces_of, windows_of = group_by_session(faces), group_by_session(windows)
    sessions = {*faces_of, *windows_of}
    supply = {s: Supply(len(faces_of[s]), len(windows_of[s])) for s in sessions}
    count = min(settings.pairs_per_person, total(supply.values()).pairs)
    quotas = pair_quotas(count, settings.split_fractions)
    split_of: dict[str, str] = {}
    least_missing = count + 1
    for attempt in range(MAX_ATTEMPTS):
        key = ("video", identity) if attempt == 0 else ("video", identity, str(attempt))
        candidate = split_sessions(supply, quotas, _ranked(sessions, settings.seed, *key))
        missing = shortfall(supply, quotas, candidate)
        if missing < least_missing:
            split_of, least_missing = candidate, missing
        if not missing:
            break
    media: list[FaceSource] = [*faces, *windows]
    return {medium.path: split_of[medium.session] for medium in media}, quotas


def _split_by_file(
    windows: Sequence[Window],
    faces: Sequence[FaceSource],
    person: Person,
    settings: PlanSettings,
) -> tuple[dict[str, str], dict[str, int]]:
    """Returns path to split according to the split file, and split to number of pairs.

    Quotas follow the shares of windows. The faces of a video are assigned to the splits of its
    clips, round robin; a video without clips to the split that lacks most faces.
    """
    split_of = {window.path: person.split_of(window.path) or "" for window in windows}
    lacking = Counter(split_of[window.path] for window in windows)
    shares = [100 * lacking[split] / max(1, len(windows)) for split in SPLITS]
    count = min(settings.pairs_per_person, len(faces), len(windows))
    windows_of = group_by_session(windows)
    faces_of = sorted(group_by_session(faces).items(), key=lambda item: item[0] not in windows_of)
    for session, session_faces in faces_of:
        clip_splits = [split_of[window.path] for window in windows_of[session]]
        clip_splits = clip_splits or [max(SPLITS, key=lambda split: lacking[split])]
        for i, face in enumerate(session_faces):
            if isinstance(face, MediaFile):  # the file of a moment is listed
                split_of[face.path] = clip_splits[i % len(clip_splits)]
            lacking[split_of[face.path]] -= 1
    return split_of, pair_quotas(count, shares)


def _fill_quotas(
    possible: Mapping[str, Sequence[Pair]], quotas: Mapping[str, int]
) -> dict[str, list[Pair]]:
    """Returns the pairs of each split; the rest of an unmet quota is filled by other splits.

    Training comes first, then validation and test, round robin.
    """
    chosen = {split: list(possible[split][: quotas[split]]) for split in SPLITS}
    missing = sum(quotas.values()) - sum(map(len, chosen.values()))
    train, *others = (possible[split][quotas[split] :] for split in SPLITS)
    for pair in [*train, *round_robin(others)][:missing]:
        chosen[pair.split].append(pair)
    return chosen


def _name(medium: FaceSource) -> tuple[str, ...]:
    """Returns what tells a medium from others of its kind: path and, of windows, start."""
    if isinstance(medium, MediaFile):
        return (medium.path,)
    return medium.path, str(medium.start_samples)


def _ranked(sessions: Iterable[str], seed: int, *key: str) -> list[str]:
    return sorted(sessions, key=lambda session: (rank(seed, *key, session), session))
