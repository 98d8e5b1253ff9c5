"""The job as a Beam pipeline, and its steps.

    people -> their files -> the people to take -> their pairs -> shard plans -> shards

Only references travel between the steps; pixels and samples are born and written inside of one
call of `write_shard`.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.transforms import combiners

from beam_pipelines import folder
from beam_pipelines.corpus import PersonFiles, PersonMedia, list_files, probe
from beam_pipelines.folder import Outline
from beam_pipelines.hashing import rank
from beam_pipelines.people import Person
from beam_pipelines.plan import Pair, by_shard, plan_person, shard_order
from beam_pipelines.settings import PlanSettings
from beam_pipelines.shards import Job, ShardPlan, plan_digest, write_shard


def describe(
    pipeline: beam.Pipeline, people: Sequence[Person], job: Job, plan: PlanSettings
) -> None:
    """Adds the job to a pipeline."""
    files = (
        pipeline
        | "People" >> beam.Create(people)
        | "Spread people" >> beam.Reshuffle()
        | "List files" >> beam.Map(list_files, job.faces_root, job.audio_root)
    )
    taken = files | "With both modalities" >> beam.Filter(has_both)
    if plan.persons is not None:  # else there is nothing to choose, nor to wait for
        chosen = (
            taken
            | "Identity" >> beam.Map(identity_of)
            | "Choose"
            >> combiners.Top.Smallest(plan.persons, key=partial(choosing_order, plan.seed))
        )
        taken |= "Take chosen" >> beam.Filter(is_chosen, beam.pvalue.AsSingleton(chosen))
    media = taken | "Probe clips" >> beam.Map(probe, job.audio_root)
    shards = (
        media
        | "Plan pairs"
        >> beam.Map(plan_person, plan, job.features.sample_rate_hz, job.features.window_samples)
        | "By shard" >> beam.FlatMap(packed_by_shard, plan)
        | "Group" >> beam.GroupByKey()
        | "Plan shards" >> beam.Map(to_shard_plan, plan.seed)
    )
    outline = (
        (
            shards | "Outline shards" >> beam.Map(outline_shard, job),
            files | "Outline people" >> beam.Map(outline_files),
            media | "Outline media" >> beam.Map(outline_media),
        )
        | "Outlines" >> beam.Flatten()
        | "Outline" >> beam.CombineGlobally(add_outlines)
        | "Note outline" >> beam.Map(note_outline, job.output)
    )
    _ = (
        shards
        | "Pack" >> beam.Map(pack)
        | "Spread shards" >> beam.Reshuffle()
        | "Write" >> beam.Map(write_after, job, beam.pvalue.AsSingleton(outline))
    )


def has_both(files: PersonFiles) -> bool:
    return bool(files.faces and files.clips)


def identity_of(files: PersonFiles) -> str:
    return files.person.identity


def choosing_order(seed: int, identity: str) -> int:
    return rank(seed, "person", identity)


def is_chosen(files: PersonFiles, chosen: list[str]) -> bool:
    return files.person.identity in chosen


def pack(references: Any) -> bytes:
    """References as they are shuffled: 30 bytes a pair.

    A local runner keeps what it shuffles in the driver, decoded. As objects, a pair takes 1 KB.
    """
    return zlib.compress(pickle.dumps(references))


def unpack(packed: bytes) -> Any:
    return pickle.loads(zlib.decompress(packed))


def packed_by_shard(
    pairs: Sequence[Pair], plan: PlanSettings
) -> Iterator[tuple[tuple[str, int], bytes]]:
    for place, part in by_shard(pairs, plan):
        yield place, pack(part)


def to_shard_plan(group: tuple[tuple[str, int], Iterable[bytes]], seed: int) -> ShardPlan:
    (split, index), parts = group
    pairs = chain.from_iterable(map(unpack, parts))
    return ShardPlan(split, index, tuple(shard_order(pairs, seed)))


def outline_shard(plan: ShardPlan, job: Job) -> Outline:
    return Outline(shards={plan_digest(plan, job): len(plan.pairs)})


def outline_files(files: PersonFiles) -> Outline:
    identity = files.person.identity
    return Outline(
        without_faces=() if files.faces else (identity,),
        without_clips=() if files.clips else (identity,),
    )


def outline_media(media: PersonMedia) -> Outline:
    return Outline(taken=(media.person.identity,), rejects=media.rejects)


def add_outlines(outlines: Iterable[Outline]) -> Outline:
    return sum(outlines, Outline())


def note_outline(outline: Outline, output: Path) -> int:
    """Writes the outline down; returns the number of shards."""
    folder.write_outline(output, outline)
    return len(outline.shards)


def write_after(packed_plan: bytes, job: Job, planned_shards: int) -> int:
    """Writes a shard. Waiting for the outline lets progress be told, and costs nothing."""
    del planned_shards
    return write_shard(unpack(packed_plan), job).records
