"""The job as a Beam pipeline, and its steps.

    people -> their media -> the people to take -> their pairs -> shard plans -> shards

Only references travel between the steps; pixels and samples are born and written inside of one
call of `write_shard`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.transforms import combiners

from beam_pipelines import folder
from beam_pipelines.corpus import Person, PersonMedia, list_media
from beam_pipelines.hashing import rank
from beam_pipelines.plan import Pair, plan_person, shard_index, shard_order
from beam_pipelines.settings import PlanSettings
from beam_pipelines.shards import Job, ShardPlan, plan_digest, write_shard


def describe(
    pipeline: beam.Pipeline, people: Sequence[Person], job: Job, plan: PlanSettings
) -> None:
    """Adds the job to a pipeline."""
    media = (
        pipeline
        | "People" >> beam.Create(people)
        | "Spread people" >> beam.Reshuffle()
        | "List media" >> beam.Map(list_media, job.faces_root, job.audio_root)
    )
    chosen = (
        media
        | "With both modalities" >> beam.Filter(has_both)
        | "Identity" >> beam.Map(identity_of)
        | "Choose"
        >> combiners.Top.Smallest(
            plan.persons or len(people), key=partial(choosing_order, plan.seed)
        )
    )
    taken = media | "Take chosen" >> beam.Filter(is_chosen, beam.pvalue.AsSingleton(chosen))
    shards = (
        taken
        | "Plan pairs"
        >> beam.FlatMap(plan_person, plan, job.features.sample_rate_hz, job.features.window_samples)
        | "By shard" >> beam.Map(keyed_by_shard, plan)
        | "Group" >> beam.GroupByKey()
        | "Plan shards" >> beam.Map(to_shard_plan, plan.seed)
    )
    outline = (
        (
            shards | "Outline shards" >> beam.Map(outline_shard, job),
            media | "Outline people" >> beam.Map(outline_person, beam.pvalue.AsSingleton(chosen)),
        )
        | "Outline" >> beam.Flatten()
        | "Whole outline" >> beam.CombineGlobally(combiners.ToListCombineFn())
        | "Note outline" >> beam.Map(note_outline, job.output)
    )
    _ = (
        shards
        | "Spread shards" >> beam.Reshuffle()
        | "Write" >> beam.Map(write_after, job, beam.pvalue.AsSingleton(outline))
    )


def has_both(media: PersonMedia) -> bool:
    return bool(media.faces and media.clips)


def identity_of(media: PersonMedia) -> str:
    return media.person.identity


def choosing_order(seed: int, identity: str) -> int:
    return rank(seed, "person", identity)


def is_chosen(media: PersonMedia, chosen: list[str]) -> bool:
    return media.person.identity in chosen


def keyed_by_shard(pair: Pair, plan: PlanSettings) -> tuple[tuple[str, int], Pair]:
    return (pair.split, shard_index(pair, plan)), pair


def to_shard_plan(group: tuple[tuple[str, int], Iterable[Pair]], seed: int) -> ShardPlan:
    (split, index), pairs = group
    return ShardPlan(split, index, tuple(shard_order(pairs, seed)))


def outline_shard(plan: ShardPlan, job: Job) -> dict[str, Any]:
    return {"shards": {plan_digest(plan, job): len(plan.pairs)}}


def outline_person(media: PersonMedia, chosen: list[str]) -> dict[str, Any]:
    lacking = [kind for kind in ("faces", "clips") if not getattr(media, kind)]
    person = {
        "identity": media.person.identity,
        "lacks": lacking,
        "taken": media.person.identity in chosen,
    }
    return {"people": [person], "rejects": [vars(reject) for reject in media.rejects]}


def note_outline(parts: list[dict[str, Any]], output: Path) -> int:
    """Writes the outline down; returns the number of shards."""
    outline: dict[str, Any] = {"shards": {}, "people": [], "rejects": []}
    for part in parts:
        outline["shards"] |= part.get("shards", {})
        outline["people"] += part.get("people", [])
        outline["rejects"] += part.get("rejects", [])
    folder.write_outline(output, outline)
    return len(outline["shards"])


def write_after(plan: ShardPlan, job: Job, planned_shards: int) -> int:
    """Writes a shard. Waiting for the outline lets progress be told, and costs nothing."""
    del planned_shards
    return write_shard(plan, job).records
