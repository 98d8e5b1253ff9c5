"""From the media of one person to its pairs: select, split, window, pair. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from beam_pipelines.corpus.listing import MediaFile, PersonMedia, assume_all_valid
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.hashing import rank
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

ORDERS_TRIED = 32  # of a person's videos, to find a split that comes near the fractions


@dataclass(frozen=True)
class Pair:
    """One example to be made: a face and a window of one person, and what stands by for them."""

    identity: str
    split: str
    face: MediaFile
    window: Window
    spare_faces: tuple[MediaFile, ...] = ()
    spare_windows: tuple[Window, ...] = ()

    @property
    def session(self) -> str:
        """The voice's video, which decides the shard."""
        return self.window.session

    @property
    def key(self) -> str:
        return f"{self.face.path}|{self.window.path}@{self.window.start_samples}"


def plan_person(media: PersonMedia, settings: PlanSettings, grid: Grid) -> list[Pair]:
    """Chooses the pairs of one person; the order of the media does not matter.

    Each face and each window is used at most once, as part of a pair or as a spare. Pairs are
    spread evenly over the videos, but every clip gives a window before any gives a second.
    """
    identity, seed = media.person.identity, settings.seed
    faces = sorted(media.faces, key=lambda face: rank(seed, "face", face.path))
    enough = settings.pairs_per_person * (1 + MAX_SPARES)
    windows = cut_windows(media.clips, grid, seed, enough)
    videos = {*group_by_session(faces), *group_by_session(windows)}
    sessions = _ranked(videos, seed, "video", identity)

    def pair_up(
        faces: Sequence[MediaFile], windows: Sequence[Window]
    ) -> list[tuple[MediaFile, Window]]:
        if settings.pairing == "session":
            return pair_within_videos(faces, windows, sessions)
        return pair_by_identity(faces, windows, sessions, seed)

    if settings.split_by == "pair":
        drawn = pair_up(faces, windows)[: settings.pairs_per_person]
        drawn.sort(key=lambda pair: rank(seed, "pair", pair[0].path))
        quotas = pair_quotas(len(drawn), settings.split_fractions)
        splits = [split for split in SPLITS for _ in range(quotas[split])]
        pairs = [Pair(identity, s, *pair) for s, pair in zip(splits, drawn, strict=True)]
        return assign_spares(pairs, faces, windows)

    homes, quotas = (
        _by_file(windows, faces, media.person, settings)
        if settings.split_by == "file"
        else _by_video(windows, faces, identity, settings)
    )
    faces_in = {s: [f for f in faces if homes.get(f.path) == s] for s in SPLITS}
    windows_in = {s: [w for w in windows if homes.get(w.path) == s] for s in SPLITS}
    possible = {
        s: [Pair(identity, s, *pair) for pair in pair_up(faces_in[s], windows_in[s])]
        for s in SPLITS
    }
    chosen = _choose(possible, quotas)
    return [pair for s in SPLITS for pair in assign_spares(chosen[s], faces_in[s], windows_in[s])]


def assign_spares(
    pairs: Sequence[Pair], faces: Iterable[MediaFile], windows: Iterable[Window]
) -> list[Pair]:
    """Deals the media that are left to the pairs (see `distribute_spares`)."""
    used_faces = {pair.face.path for pair in pairs}
    used_windows = {(pair.window.path, pair.window.start_samples) for pair in pairs}
    spare_faces = distribute_spares(
        [face for face in faces if face.path not in used_faces], [pair.face for pair in pairs]
    )
    spare_windows = distribute_spares(
        [w for w in windows if (w.path, w.start_samples) not in used_windows],
        [pair.window for pair in pairs],
    )
    return [
        replace(pair, spare_faces=some_faces, spare_windows=some_windows)
        for pair, some_faces, some_windows in zip(pairs, spare_faces, spare_windows, strict=True)
    ]


def count_lost_pairs(
    media: PersonMedia, pairs: Sequence[Pair], settings: PlanSettings, grid: Grid
) -> int:
    """How many more pairs there would be if no name or header had ruled a file out.

    Such a clip counts for one window.
    """
    if not media.rejects:
        return 0
    whole = assume_all_valid(media, grid.sample_rate_hz, grid.window_samples)
    return max(0, len(plan_person(whole, settings, grid)) - len(pairs))


def shard_index(pair: Pair, settings: PlanSettings) -> int:
    """The shard of a pair within its split: that of its video, whichever others there are."""
    return rank(settings.seed, "shard", pair.identity, pair.session) % settings.num_shards


def group_by_shard(
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


def _by_video(
    windows: Sequence[Window],
    faces: Sequence[MediaFile],
    identity: str,
    settings: PlanSettings,
) -> tuple[dict[str, str], dict[str, int]]:
    """Path to split, each video in one; and the pairs due to each split.

    Of several orders of the videos the first is taken that gives each split its due, or else the
    one that comes nearest.
    """
    faces_of, windows_of = group_by_session(faces), group_by_session(windows)
    sessions = {*faces_of, *windows_of}
    supply = {s: Supply(len(faces_of[s]), len(windows_of[s])) for s in sessions}
    count = min(settings.pairs_per_person, total(supply.values()).pairs)
    quotas = pair_quotas(count, settings.split_fractions)
    split_of: dict[str, str] = {}
    nearest = count + 1
    for attempt in range(ORDERS_TRIED):
        key = ("video", identity) if attempt == 0 else ("video", identity, str(attempt))
        tried = split_sessions(supply, quotas, _ranked(sessions, settings.seed, *key))
        short = shortfall(supply, quotas, tried)
        if short < nearest:
            split_of, nearest = tried, short
        if not short:
            break
    homes = {face.path: split_of[face.session] for face in faces}
    return homes | {window.path: split_of[window.session] for window in windows}, quotas


def _by_file(
    windows: Sequence[Window],
    faces: Sequence[MediaFile],
    person: Person,
    settings: PlanSettings,
) -> tuple[dict[str, str], dict[str, int]]:
    """Path to split as a split file has it, and the pairs due to each split: its share of windows.

    The faces of a video follow its clips in turn. A video without clips goes, whole, where faces
    are wanted most.
    """
    homes = {window.path: person.split_of(window.path) or "" for window in windows}
    wanted = Counter(homes[window.path] for window in windows)
    shares = [100 * wanted[split] / max(1, len(windows)) for split in SPLITS]
    count = min(settings.pairs_per_person, len(faces), len(windows))
    windows_of = group_by_session(windows)
    faces_of = sorted(group_by_session(faces).items(), key=lambda item: item[0] not in windows_of)
    for session, here in faces_of:
        followed = [homes[window.path] for window in windows_of[session]]
        neediest = max(SPLITS, key=lambda split: wanted[split])
        for i, face in enumerate(here):
            homes[face.path] = followed[i % len(followed)] if followed else neediest
            wanted[homes[face.path]] -= 1
    return homes, pair_quotas(count, shares)


def _choose(
    possible: Mapping[str, Sequence[Pair]], quotas: Mapping[str, int]
) -> dict[str, list[Pair]]:
    """Each split's due; where one's videos cannot give it, the others do, training first."""
    chosen = {split: list(possible[split][: quotas[split]]) for split in SPLITS}
    missing = sum(quotas.values()) - sum(map(len, chosen.values()))
    train, *others = (possible[split][quotas[split] :] for split in SPLITS)
    for pair in [*train, *round_robin(others)][:missing]:
        chosen[pair.split].append(pair)
    return chosen


def _ranked(sessions: Iterable[str], seed: int, *key: str) -> list[str]:
    return sorted(sessions, key=lambda session: (rank(seed, *key, session), session))
