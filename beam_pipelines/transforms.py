"""The steps of the pipeline: functions from one element to one or several."""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from apache_beam.metrics.metric import Metrics

from beam_pipelines.corpus.listing import (
    CLIP,
    FACE,
    PersonFiles,
    PersonMedia,
    Reject,
    list_files,
    probe,
)
from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.leakage import Leaks, leaks_of
from beam_pipelines.planning.pairing import by_session
from beam_pipelines.planning.plan import Pair, by_shard, lost_pairs, plan_person, shard_order
from beam_pipelines.planning.plan_summary import Outline, PlannedPerson, PlannedShard
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from beam_pipelines.runners.worker_checks import check_here
from beam_pipelines.shards import output_dir
from beam_pipelines.shards.fingerprints import Job, ShardPlan, plan_digest
from beam_pipelines.shards.shard_results import made_pairs
from beam_pipelines.shards.writer import expected_bytes, write_shard
from tfdata.storage.base import Place

PersonPlan = tuple[PersonMedia, list[Pair]]


def list_person(person: Person, job: Job) -> PersonFiles:
    check_here(job)
    return list_files(person, tree_at(job.faces_root), tree_at(job.audio_root))


def has_both(files: PersonFiles) -> bool:
    return files.has(FACE) and files.has(CLIP)


def identity_of(files: PersonFiles) -> str:
    return files.person.identity


def choosing_order(seed: int, identity: str) -> int:
    return rank(seed, "person", identity)


def is_chosen(files: PersonFiles, chosen: list[str]) -> bool:
    return files.person.identity in chosen


def probe_and_plan(files: PersonFiles, job: Job, plan: PlanSettings, grid: Grid) -> PersonPlan:
    check_here(job)
    media = probe(files, tree_at(job.audio_root))
    count_rejects(media.rejects)
    return media, plan_person(media, plan, grid)


def pack(references: Any) -> bytes:
    """References as they are shuffled: 30 bytes a pair, and 6 for each of its spares.

    A local runner keeps what it shuffles in the driver, decoded. As objects, a pair takes 1 KB.
    Their classes have no slots: dataclasses with slots are pickled field by field, in Python.
    """
    return zlib.compress(pickle.dumps(references))


def unpack(packed: bytes) -> Any:
    return pickle.loads(zlib.decompress(packed))


def packed_by_shard(
    planned: PersonPlan, plan: PlanSettings
) -> Iterator[tuple[tuple[str, int], bytes]]:
    for place, part in by_shard(planned[1], plan):
        yield place, pack(part)


def to_shard_plan(group: tuple[tuple[str, int], Iterable[bytes]], seed: int) -> ShardPlan:
    (split, index), parts = group
    pairs = chain.from_iterable(map(unpack, parts))
    return ShardPlan(split, index, tuple(shard_order(pairs, seed)))


def outline_shard(plan: ShardPlan, job: Job) -> Outline:
    shard = PlannedShard(plan.split, len(plan.pairs), expected_bytes(plan, job.features))
    return Outline(shards={plan_digest(plan, job): shard})


def outline_files(files: PersonFiles) -> Outline:
    identity = files.person.identity
    return Outline(
        without_faces=() if files.has(FACE) else (identity,),
        without_clips=() if files.has(CLIP) or files.unlisted else (identity,),
        without_listed=(identity,) if files.unlisted and not files.has(CLIP) else (),
        unlisted=files.unlisted,
    )


def outline_person(planned: PersonPlan, plan: PlanSettings, grid: Grid) -> Outline:
    media, pairs = planned
    sound = [clip.facts.samples / clip.facts.sample_rate_hz for clip in media.clips]
    person = PlannedPerson(
        videos=len({*by_session(media.faces), *by_session(media.clips)}),
        faces=len(media.faces),
        clips=len(media.clips),
        audio_seconds=round(sum(sorted(sound)), 3),
        pairs=len(pairs),
        lost=lost_pairs(media, pairs, plan, grid),
        examined=len(media.clips) + sum(reject.kind == CLIP for reject in media.rejects),
    )
    return Outline(people={media.person.identity: person}, rejects=media.rejects)


def add_outlines(outlines: Iterable[Outline]) -> Outline:
    return sum(outlines, Outline())


def note_outline(outline: Outline, output: Place) -> int:
    """Writes the outline down; returns the number of shards."""
    output_dir.write_outline(output, outline)
    return len(outline.shards)


def write_after(packed_plan: bytes, job: Job, planned_shards: int) -> Iterator[tuple[str, bytes]]:
    """Writes a shard; yields the pairs that it holds of each person."""
    del planned_shards
    check_here(job)
    plan = unpack(packed_plan)
    note = write_shard(plan, job)
    count_rejects(note.rejects)
    Metrics.counter("facevoice", "pairs").inc(note.records)
    made: dict[str, list[Pair]] = {}
    for pair in made_pairs(plan, note):
        made.setdefault(pair.identity, []).append(pair)
    for identity, pairs in made.items():
        yield identity, pack(pairs)


def count_rejects(rejects: Iterable[Reject]) -> None:
    """Adds to Beam's counters, a file once for a shard.

    Steps that a runner repeats count again, so the summary is made from notes.
    """
    files = {(reject.kind, reject.path): reject.reason for reject in rejects}
    for reason, count in Counter(files.values()).items():
        Metrics.counter("facevoice", f"rejected_{reason}").inc(count)


def leaks_of_person(group: tuple[str, Iterable[bytes]], window_samples: int) -> Leaks:
    pairs = list(chain.from_iterable(map(unpack, group[1])))
    return leaks_of(pairs, window_samples)


def note_leaks(leaks: Leaks, output: Place) -> None:
    output_dir.write_leaks(output, leaks)
