"""Runs a build: plan, execute, validate, publish."""

from __future__ import annotations

import hashlib
import math
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tqdm import tqdm

from beam_pipelines import corpus_messages, manifest_builder, messages, people_messages
from beam_pipelines.card import card_html
from beam_pipelines.corpus.face_detector import default_detector
from beam_pipelines.corpus.listing import ignored_at_roots
from beam_pipelines.corpus.people import FoundPeople, Person, find_people
from beam_pipelines.corpus.split_file import apply_split_file
from beam_pipelines.errors import BuildError
from beam_pipelines.feature_checks import check_features
from beam_pipelines.options import Arguments
from beam_pipelines.pipeline import add_build, add_planning
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.planning.windows import Grid
from beam_pipelines.runners import preflight, progress
from beam_pipelines.runners.execution import (
    connect_runner,
    create_pipeline,
    is_portable,
    run_pipeline,
)
from beam_pipelines.runners.local_workers import worker_logs
from beam_pipelines.shards import output_dir, published
from beam_pipelines.shards.duplicates import FoundDuplicates, MediaIndex, find_duplicates
from beam_pipelines.shards.fingerprints import Job, software, worker_code
from beam_pipelines.shards.overlap import check_no_overlap
from beam_pipelines.shards.shard_results import ShardResult, existing_shards, read_result
from beam_pipelines.shards.stores import store_at
from facevoice.features.videos import check_video_support
from tfdata.command_line import SAMPLE_CORPUS, say
from tfdata.schema import CARD_NAME
from tfdata.storage.addresses import secret_values
from tfdata.storage.base import Place
from tfdata.storage.factory import read_file
from tfdata.text import agree, counted


def build(arguments: Arguments) -> None:
    """Builds a dataset and prints a summary, or only the plan for a dry run.

    Raises:
      BuildError: the build failed; an older dataset in the output is unchanged.
    """
    started, now = time.monotonic(), time.time()
    _check_no_overlap(arguments)
    faces, audio, meta = _corpus(arguments)
    found = find_people(faces, audio, meta, arguments.plan.exclude, arguments.videos)
    if arguments.split_file:
        listed = apply_split_file(found.people, arguments.split_file)
        found = replace(found, people=listed, not_in_split_file=len(found.people) - len(listed))
    split_file_sha256 = _sha256(arguments.split_file)
    arguments = _with_detector(arguments, faces, found.people)
    if arguments.videos is not None:
        check_video_support()
    job = Job(
        faces_root=faces and _absolute(faces),
        audio_root=audio and _absolute(audio),
        videos_root=arguments.videos and _absolute(arguments.videos),
        output=_absolute(arguments.output),
        features=arguments.features,
        num_shards=arguments.plan.num_shards,
        run_id=uuid.uuid4().hex,
        code=worker_code(),
        software=software(arguments.features),
        window_step_samples=Grid(
            arguments.features.sample_rate_hz,
            arguments.features.window_samples,
            arguments.plan.window_overlap,
        ).step_samples,
        settings_digest=_settings_digest(arguments, found.people, split_file_sha256),
        settled_before=now - arguments.settle_seconds if arguments.settle_seconds else math.inf,
    )
    output_dir.check_output(job.output)
    if arguments.dry_run:
        create_pipeline(arguments.runner, arguments.beam_flags)  # checks the flags
        _print_plan(arguments, found, job)
        return
    with connect_runner(arguments.runner, arguments.beam_flags) as beam_flags:
        pipeline = create_pipeline(arguments.runner, beam_flags)
        add_build(pipeline, found.people, job, arguments.plan)
        with output_dir.prepare(job.output):
            people = people_messages.people_line(found, arguments.plan.persons)
            say(
                f"Building {arguments.output} from {people}.",
                *people_messages.too_few_people_lines(_selected(found, arguments)),
            )
            with output_dir.log_file(job.output) as log:
                with worker_logs(log, secret_values(arguments.beam_flags)) as terminal:
                    if is_portable(arguments.runner) and arguments.preflight_seconds:
                        preflight.check_cluster(
                            arguments.runner, beam_flags, job, arguments.preflight_seconds, log
                        )
                    with progress.show(job.output, terminal, arguments.progress_seconds):
                        run_pipeline(pipeline, log)
                lines = _keep_published(arguments, job) or _publish(
                    arguments, found, job, split_file_sha256, started
                )
    for line in lines:
        say(f"  {line}")
    say(f"The dataset is in {arguments.output}; open its {CARD_NAME} to look at it.")


def _with_detector(
    arguments: Arguments, faces: Place | None, people: Sequence[Person]
) -> Arguments:
    """Returns the arguments with the face detector of the build, after checking that it runs."""
    name = arguments.face_detector
    if name is None:
        name = "none" if arguments.is_sample_corpus else default_detector(faces, people)
    features = replace(arguments.features, face_detector=name)
    check_features(features)
    return replace(arguments, features=features)


def _print_plan(arguments: Arguments, found: FoundPeople, job: Job) -> None:
    """Plans in this process, on any runner, and leaves no files."""
    with tempfile.TemporaryDirectory(prefix="facevoice-") as scratch:
        scratch_job = replace(job, output=Path(scratch))
        pipeline = create_pipeline("DirectRunner", ["--direct_running_mode=in_memory"])
        add_planning(pipeline, found.people, scratch_job, arguments.plan)
        with (
            output_dir.prepare(scratch_job.output),
            output_dir.log_file(scratch_job.output) as log,
            worker_logs(log),
        ):
            run_pipeline(pipeline, log)
        summary = output_dir.read_plan_summary(scratch_job.output) or PlanSummary()
    summary += _outside_of_people(job)
    if not summary.shards:
        raise BuildError(corpus_messages.no_pairs_message(summary.rejects, summary, job.roots))
    existing = existing_shards(job.output, summary.shards)
    people = people_messages.people_line(found, arguments.plan.persons)
    say(f"Plan of {arguments.output} from {people}:")
    with_pairs = sum(person.pairs > 0 for person in summary.people.values())
    for line in people_messages.too_few_people_lines(with_pairs):
        say(line)
    say(f"  {messages.detector_line(arguments.features, arguments.face_detector, job.software)}")
    if arguments.features.voice_activity != "none":
        say(f"  {messages.voice_activity_line(arguments.features, job.software)}")
    for line in messages.encoder_lines(arguments.features):
        say(f"  {line}")
    for line in messages.plan_lines(summary, existing, arguments.plan.pairs_per_person):
        say(f"  {line}")
    say("Nothing was written; run without --dry_run to build.")


def _keep_published(arguments: Arguments, job: Job) -> list[str]:
    """Returns the lines of the summary if the dataset is unchanged; else none."""
    summary = output_dir.read_plan_summary(job.output)
    if summary is None or not summary.is_published:
        return []
    hours = arguments.keep_replaced_hours
    names = published.published_files(job.output)
    replaced = output_dir.keep_published(job.output, names, summary.shards, hours * 3600)
    summary += _outside_of_people(job)
    return [*messages.unchanged_lines(summary), *messages.replaced_lines(replaced, hours)]


def _publish(
    arguments: Arguments,
    found: FoundPeople,
    job: Job,
    split_file_sha256: str | None,
    started: float,
) -> list[str]:
    """Publishes the finished shards as a dataset; returns the lines of the summary.

    Raises:
      BuildError: there is no pair, or too much is rejected or missing.
    """
    summary, results, leaks, duplicates = _read_results(job.output)
    summary += _outside_of_people(job)
    rejects = manifest_builder.unique_rejects(summary, results)
    manifest = manifest_builder.build_manifest(
        results,
        summary,
        leaks,
        duplicates,
        found.people,
        rejects,
        arguments.features,
        arguments.plan,
        split_file_sha256,
    )
    missing = manifest_builder.missing_pairs(summary, results)
    try:
        if not manifest.people:
            raise BuildError(corpus_messages.no_pairs_message(rejects, summary, job.roots))
        manifest_builder.check_rejects(rejects, summary, results, arguments.max_reject_fraction)
        if arguments.strict:
            manifest_builder.check_missing(missing)
        if arguments.plan.duplicates == "refuse":
            manifest_builder.check_duplicates(duplicates)
    except BuildError as error:
        path = output_dir.write_rejects(job.output, rejects)
        hint = f" {path} lists them." if rejects else ""
        raise BuildError(f"{error}{hint}") from None
    hours = arguments.keep_replaced_hours
    card = card_html(job.output, manifest, job.trees(), arguments.card_audio)
    replaced = output_dir.publish(job.output, manifest, card, rejects, summary.shards, hours * 3600)
    published.record_published(job.output, job.settings_digest, summary, manifest)
    kept = sum(result.run_id != job.run_id for result in results if result.file)
    seconds = time.monotonic() - started
    is_warned = _selected(found, arguments) == 1  # at the start
    return [
        *(() if is_warned else people_messages.too_few_people_lines(len(manifest.people))),
        *messages.summary_lines(manifest, summary, duplicates, missing, kept, seconds),
        *messages.replaced_lines(replaced, hours),
    ]


def _selected(found: FoundPeople, arguments: Arguments) -> int:
    """Returns the number of people that a build selects."""
    return min(len(found.people), arguments.plan.persons or len(found.people))


def _read_results(
    output: Place,
) -> tuple[PlanSummary, list[ShardResult], Leaks, FoundDuplicates]:
    """Reads what the workers wrote: the plan summary, the results of shards, leaks, duplicates."""
    summary, leaks = output_dir.read_plan_summary(output), output_dir.read_leaks(output)
    if summary is None or leaks is None:
        raise BuildError(f"The runner reports success, but there is no plan in {output}.")
    store, index = store_at(output), MediaIndex()
    results = []
    for digest in summary.shards:
        result = read_result(store, digest)
        if result is not None and result.media is not None:
            index.add(digest, result)
            results.append(replace(result, media=None))  # the paths would need much memory
    if lost := len(summary.shards) - len(results):
        raise BuildError(
            f"The runner reports success, but {counted(lost, 'shard')} {agree(lost, 'is', 'are')} "
            f"missing in {output}; run the same command again."
        )
    return summary, results, leaks, find_duplicates(index, store)


def _outside_of_people(job: Job) -> PlanSummary:
    """Returns a plan summary of the files that are in no person's directory."""
    return PlanSummary(ignored=ignored_at_roots(job.trees()))


def _settings_digest(
    arguments: Arguments, people: Sequence[Person], split_file_sha256: str | None
) -> str:
    """Returns a digest of what determines a dataset besides the media.

    `exclude` counts by the people who are left.
    """
    plan = asdict(replace(arguments.plan, exclude=()))
    return published.settings_digest(
        worker_code(),
        dict(software(arguments.features)),
        asdict(arguments.features),
        plan,
        split_file_sha256,
        arguments.strict,
        arguments.max_reject_fraction,
        arguments.card_audio,
        [[person.identity, dict(person.meta)] for person in people],
    )


def _sha256(file: Place | None) -> str | None:
    return hashlib.sha256(read_file(file)).hexdigest() if file else None


def _check_no_overlap(arguments: Arguments) -> None:
    """Checks that output and corpus are apart, before the sample corpus is created."""
    roots = {
        "the sample corpus": SAMPLE_CORPUS if arguments.is_sample_corpus else None,
        "--faces": arguments.faces,
        "--audio": arguments.audio,
        "--videos": arguments.videos,
    }
    given = {name: root for name, root in roots.items() if root is not None}
    check_no_overlap(arguments.output, given)


def _absolute(place: Place) -> Place:
    return place.absolute() if isinstance(place, Path) else place


def _corpus(arguments: Arguments) -> tuple[Place | None, Place | None, Place | None]:
    """Returns faces, audio and metadata file of the corpus; creates the sample corpus if needed."""
    if not arguments.is_sample_corpus:
        return arguments.faces, arguments.audio, arguments.meta
    from facevoice.sample_corpus import make_sample_corpus  # takes a second, for scipy.signal

    if not SAMPLE_CORPUS.is_dir():
        say(f"Creating the sample corpus in {SAMPLE_CORPUS}; this takes a minute.")
    with tqdm(desc="People", unit="person", disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            corpus = make_sample_corpus(SAMPLE_CORPUS, show)
        except (ValueError, OSError) as error:
            raise BuildError(str(error)) from None
    return corpus.faces, corpus.audio, corpus.meta
