"""The job as a Beam pipeline.

    people -> their files -> the people to take -> their pairs -> shard plans -> shards -> leaks

Only references travel between the steps; pixels and samples are born and written inside of one
call of `write_shard`. What the steps do is in `steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.transforms import combiners

from beam_pipelines import transforms
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.leakage import add_leaks
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from beam_pipelines.shards.fingerprints import Job, ShardPlan


def describe_plan(
    pipeline: beam.Pipeline, people: Sequence[Person], job: Job, plan: PlanSettings
) -> tuple[PCollection[ShardPlan], PCollection[int]]:
    """Adds the planning to a pipeline; returns the shard plans, and the number of them noted."""
    files = (
        pipeline
        | "People" >> beam.Create(people)
        | "Spread people" >> beam.Reshuffle()
        | "List files" >> beam.Map(transforms.list_person, job)
    )
    taken = files | "With both modalities" >> beam.Filter(transforms.has_both)
    if plan.persons is not None:  # else there is nothing to choose, nor to wait for
        chosen = (
            taken
            | "Identity" >> beam.Map(transforms.identity_of)
            | "Choose"
            >> combiners.Top.Smallest(
                plan.persons, key=partial(transforms.choosing_order, plan.seed)
            )
        )
        taken |= "Take chosen" >> beam.Filter(transforms.is_chosen, beam.pvalue.AsSingleton(chosen))
    grid = Grid(job.features.sample_rate_hz, job.features.window_samples, plan.window_overlap)
    planned = taken | "Probe and plan" >> beam.Map(transforms.probe_and_plan, job, plan, grid)
    shards = (
        planned
        | "By shard" >> beam.FlatMap(transforms.packed_by_shard, plan)
        | "Group" >> beam.GroupByKey()
        | "Plan shards" >> beam.Map(transforms.to_shard_plan, plan.seed)
    )
    noted = (
        (
            shards | "Outline shards" >> beam.Map(transforms.outline_shard, job),
            files | "Outline files" >> beam.Map(transforms.outline_files),
            planned | "Outline people" >> beam.Map(transforms.outline_person, plan, grid),
        )
        | "Outlines" >> beam.Flatten()
        | "Outline" >> beam.CombineGlobally(transforms.add_outlines)
        | "Note outline" >> beam.Map(transforms.note_outline, job.output)
    )
    return shards, noted


def describe(
    pipeline: beam.Pipeline, people: Sequence[Person], job: Job, plan: PlanSettings
) -> None:
    """Adds the whole job to a pipeline."""
    shards, noted = describe_plan(pipeline, people, job, plan)
    _ = (
        shards
        | "Pack" >> beam.Map(transforms.pack)
        | "Spread shards" >> beam.Reshuffle()
        # Waiting for the outline lets progress be told, and costs nothing.
        | "Write" >> beam.FlatMap(transforms.write_after, job, beam.pvalue.AsSingleton(noted))
        | "By person" >> beam.GroupByKey()
        | "Leaks" >> beam.Map(transforms.leaks_of_person, job.features.window_samples)
        | "Add leaks" >> beam.CombineGlobally(add_leaks)
        | "Note leaks" >> beam.Map(transforms.note_leaks, job.output)
    )
