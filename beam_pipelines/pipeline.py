"""Builds the Beam pipeline of a build.

    people -> files -> selected people -> pairs -> shard plans -> shards -> leakage

Only references travel between the steps; images and audio samples are decoded and written inside
one call of `write_shard`. The functions of the steps are in `transforms`, the coder of references
in `coders`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.transforms import combiners

from beam_pipelines import transforms
from beam_pipelines.coders import PairBatch
from beam_pipelines.corpus.content import Copy
from beam_pipelines.corpus.listing import PersonFiles
from beam_pipelines.corpus.people import Person
from beam_pipelines.planning.leakage import sum_leaks
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.planning.settings import PlanSettings
from beam_pipelines.planning.windows import Grid
from beam_pipelines.shards.fingerprints import Job, ShardPlan


def add_planning(
    pipeline: beam.Pipeline, people: Sequence[Person], job: Job, plan: PlanSettings
) -> tuple[PCollection[ShardPlan], PCollection[bool]]:
    """Adds the planning to a pipeline.

    Returns:
      The shard plans, and whether their dataset is published already, which is known once the plan
      summary is written.
    """
    files = (
        pipeline
        | "Create people" >> beam.Create(people)
        | "Reshuffle people" >> beam.Reshuffle()
        | "List files" >> beam.Map(transforms.list_person, job).with_output_types(PersonFiles)
    )
    selected = files | "Require both modalities" >> beam.Filter(transforms.has_both_modalities)
    if plan.persons is not None:  # otherwise nothing has to be selected or waited for
        identities = (
            selected
            | "Get identity" >> beam.Map(transforms.identity_of)
            | "Select identities"
            >> combiners.Top.Smallest(
                plan.persons, key=partial(transforms.selection_rank, plan.seed)
            )
        )
        selected |= "Select people" >> beam.Filter(
            transforms.is_selected, beam.pvalue.AsSingleton(identities)
        )
    summaries: tuple[PCollection[PlanSummary], ...] = ()
    if plan.duplicates == "drop":
        selected, dropped = _drop_copies(selected, job)
        summaries = (dropped,)
    grid = Grid(job.features.sample_rate_hz, job.features.window_samples, plan.window_overlap)
    planned = selected | "Probe and plan" >> beam.Map(transforms.probe_and_plan, job, plan, grid)
    shards = (
        planned
        | "Key by shard"
        >> beam.FlatMap(transforms.key_by_shard, plan).with_output_types(
            tuple[tuple[str, int], PairBatch]
        )
        | "Group by shard" >> beam.GroupByKey()
        | "Plan shards"
        >> beam.Map(transforms.to_shard_plan, plan.seed).with_output_types(ShardPlan)
    )
    is_published = (
        (
            shards | "Summarize shards" >> beam.Map(transforms.summarize_shard, job),
            files | "Summarize files" >> beam.Map(transforms.summarize_files),
            planned | "Summarize people" >> beam.Map(transforms.summarize_person, plan, grid),
            *summaries,
        )
        | "Flatten summaries" >> beam.Flatten()
        | "Combine summaries" >> beam.CombineGlobally(transforms.combine_summaries)
        | "Write plan summary" >> beam.Map(transforms.write_summary, job)
    )
    return shards, is_published


def _drop_copies(
    files: PCollection[PersonFiles], job: Job
) -> tuple[PCollection[PersonFiles], PCollection[PlanSummary]]:
    """Drops files that have the content of another file; reads all files of the people.

    Returns:
      The people who have media left, and summaries of what was dropped.
    """
    copies = (
        files
        | "Digest files"
        >> beam.FlatMap(transforms.digest_files, job).with_output_types(
            tuple[bytes, tuple[str, str, str]]
        )
        | "Group by content" >> beam.GroupByKey()
        | "Find copies"
        >> beam.FlatMap(transforms.find_copies, job).with_output_types(tuple[str, Copy])
    )
    results = files | "Drop copies" >> beam.Map(
        transforms.drop_copies, beam.pvalue.AsMultiMap(copies)
    )
    kept = (
        results
        | "Get files" >> beam.Map(itemgetter(0)).with_output_types(PersonFiles)
        | "Require media that are no copies" >> beam.Filter(transforms.has_both_modalities)
    )
    return kept, results | "Get dropped" >> beam.Map(itemgetter(1))


def add_build(
    pipeline: beam.Pipeline, people: Sequence[Person], job: Job, plan: PlanSettings
) -> None:
    """Adds all steps of a build to a pipeline."""
    shards, is_published = add_planning(pipeline, people, job, plan)
    _ = (
        shards
        # Bytes, so that a build that finds nothing new decodes no plan.
        | "Encode shard plans" >> beam.Map(transforms.encode_plan).with_output_types(bytes)
        | "Reshuffle shard plans" >> beam.Reshuffle()
        # The side input makes writing wait for the plan summary, which the progress bar needs.
        | "Write shards"
        >> beam.FlatMap(
            transforms.write_shard, job, beam.pvalue.AsSingleton(is_published)
        ).with_output_types(tuple[str, PairBatch])
        | "Group by person" >> beam.GroupByKey()
        | "Count leaks" >> beam.Map(transforms.count_person_leaks, job.features.window_samples)
        | "Sum leaks" >> beam.CombineGlobally(sum_leaks)
        | "Write leaks" >> beam.Map(transforms.write_leaks, job.output)
    )
