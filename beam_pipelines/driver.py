"""The job from a checked command line to a data set that stands, and the words about it."""

from __future__ import annotations

import hashlib
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from beam_pipelines import manifest_builder, messages
from beam_pipelines.card import card_html
from beam_pipelines.corpus.people import People, find_people
from beam_pipelines.corpus.split_file import with_utterances
from beam_pipelines.errors import BuildError
from beam_pipelines.options import Arguments
from beam_pipelines.pipeline import describe, describe_plan
from beam_pipelines.planning.leakage import Leaks
from beam_pipelines.planning.plan_summary import Outline
from beam_pipelines.runners import preflight, progress
from beam_pipelines.runners.execution import is_portable, pipeline_on, reached, run
from beam_pipelines.runners.local_workers import worker_logs
from beam_pipelines.shards import output_dir
from beam_pipelines.shards.file_names import CARD_NAME
from beam_pipelines.shards.fingerprints import Job, software, worker_code
from beam_pipelines.shards.shard_results import ShardNote, read_note, seem_to_stand
from beam_pipelines.shards.stores import store_at
from facevoice.features import FeatureSettings
from facevoice.features.spectrogram import filterbank
from tfdata.command_line import SAMPLE_CORPUS
from tfdata.storage.addresses import secret_values
from tfdata.storage.base import Place


def build(arguments: Arguments) -> None:
    """Builds the data set that a command line asks for, and says what it came to.

    Raises:
      BuildError: with one sentence; an older data set in the output folder is still whole then.
    """
    started = time.monotonic()
    _check_filterbank(arguments.features)
    faces, audio, meta = _corpus(arguments)
    found = find_people(faces, audio, meta, arguments.plan.exclude)
    if arguments.split_file:
        named = with_utterances(found.people, arguments.split_file)
        found = replace(found, people=named, unnamed=len(found.people) - len(named))
    job = Job(
        faces_root=_absolute(faces),
        audio_root=_absolute(audio),
        output=_absolute(arguments.output),
        features=arguments.features,
        num_shards=arguments.plan.num_shards,
        run_id=uuid.uuid4().hex,
        code=worker_code(),
        software=software(),
    )
    output_dir.check_output(job.output)
    if arguments.dry_run:
        pipeline_on(arguments.runner, arguments.beam_flags)  # refuses what the build would
        _say_plan(arguments, found, job)
        return
    with reached(arguments.runner, arguments.beam_flags) as beam_flags:
        pipeline = pipeline_on(arguments.runner, beam_flags)
        describe(pipeline, found.people, job, arguments.plan)
        with output_dir.prepared(job.output):
            print(f"Building {arguments.output} from {_of_whom(arguments, found)}", flush=True)
            with output_dir.log_file(job.output) as log:
                with worker_logs(log, secret_values(arguments.beam_flags)) as terminal:
                    if is_portable(arguments.runner) and arguments.preflight_seconds:
                        preflight.ask(
                            arguments.runner, beam_flags, job, arguments.preflight_seconds, log
                        )
                    with progress.shown(job.output, terminal):
                        run(pipeline, log)
                lines = _publish(arguments, found, job, started)
    for line in lines:
        print(f"  {line}")
    print(f"The data set is in {arguments.output}; to see it, open its {CARD_NAME}.")


def _say_plan(arguments: Arguments, found: People, job: Job) -> None:
    """Plans in this process, whatever the runner, and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="facevoice-") as scratch:
        aside = replace(job, output=Path(scratch))
        pipeline = pipeline_on("DirectRunner", ["--direct_running_mode=in_memory"])
        describe_plan(pipeline, found.people, aside, arguments.plan)
        with (
            output_dir.prepared(Path(scratch)),
            output_dir.log_file(aside.output) as log,
            worker_logs(log),
        ):
            run(pipeline, log)
        outline = output_dir.read_outline(aside.output) or Outline()
    if not outline.shards:
        raise BuildError(messages.why_nothing(outline.rejects, job.faces_root, job.audio_root))
    standing = seem_to_stand(job.output, outline.shards)
    print(f"{arguments.output} would be built from {_of_whom(arguments, found)}")
    for line in messages.plan_words(outline, standing, arguments.plan.pairs_per_person):
        print(f"  {line}")
    print("Without --dry_run it would be built now.")


def _publish(arguments: Arguments, found: People, job: Job, started: float) -> list[str]:
    """Makes the data set of the finished shards stand, unless too much of it is missing."""
    outline, notes, leaks = _results(job.output)
    rejects = manifest_builder.unique_rejects(outline, notes)
    manifest = manifest_builder.assemble(
        notes,
        outline,
        leaks,
        found.people,
        rejects,
        arguments.features,
        arguments.plan,
        _sha256(arguments.split_file),
    )
    missing = manifest_builder.missing_pairs(outline, notes)
    try:
        if not manifest.people:
            raise BuildError(messages.why_nothing(rejects, job.faces_root, job.audio_root))
        manifest_builder.check_rejects(rejects, outline, notes, arguments.max_reject_fraction)
        if arguments.strict:
            manifest_builder.check_missing(missing)
    except BuildError as error:
        path = output_dir.keep_rejects(job.output, rejects)
        listed = f" {path} lists them." if rejects else ""
        raise BuildError(f"{error}{listed}") from None
    hours = arguments.keep_replaced_hours
    card = card_html(job.output, manifest)
    retired = output_dir.publish(job.output, manifest, card, rejects, outline.shards, hours * 3600)
    kept = sum(note.run_id != job.run_id for note in notes if note.file)
    seconds = time.monotonic() - started
    return [
        *messages.closing_words(manifest, outline, missing, kept, seconds),
        *messages.replaced_words(retired, hours),
    ]


def _of_whom(arguments: Arguments, found: People) -> str:
    most, count = arguments.plan.persons, len(found.people)
    people = f"{count} people" if most is None or most >= count else f"{most} of {count} people"
    if found.unnamed:
        people += f" that --split_file names, which leaves out {found.unnamed}"
    if found.faces_alone or found.audio_alone:
        people += (
            f"; {found.faces_alone} folders of faces and {found.audio_alone} of audio have no "
            f"counterpart"
        )
    return f"{people}."


def _sha256(file: Path | None) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file else None


def _check_filterbank(features: FeatureSettings) -> None:
    """Refuses here, and not in a worker, what only the filterbank itself can tell."""
    try:
        filterbank(features)
    except ValueError as error:
        raise BuildError(str(error)) from None


def _results(output: Place) -> tuple[Outline, list[ShardNote], Leaks]:
    """What the workers noted: the plan, what became of each shard, and what leaks."""
    outline, leaks = output_dir.read_outline(output), output_dir.read_leaks(output)
    if outline is None or leaks is None:
        raise BuildError(f"The runner says it is done, but left no plan in {output}.")
    store = store_at(output)
    notes = [note for digest in outline.shards if (note := read_note(store, digest)) is not None]
    if len(notes) < len(outline.shards):
        raise BuildError(
            f"The runner says it is done, but {len(outline.shards) - len(notes)} shards are "
            f"missing in {output}; start the same command again."
        )
    return outline, notes, leaks


def _absolute(place: Place) -> Place:
    return place.absolute() if isinstance(place, Path) else place


def _corpus(arguments: Arguments) -> tuple[Place, Place, Path | None]:
    """The folders of faces and of audio, and the meta file: the user's, or the sample's."""
    if arguments.faces is not None and arguments.audio is not None:
        return arguments.faces, arguments.audio, arguments.meta
    from facevoice.sample_corpus import make_sample_corpus  # takes a second, for scipy.signal

    if not SAMPLE_CORPUS.is_dir():
        print(f"Making the sample corpus in {SAMPLE_CORPUS}, once; it takes a minute.", flush=True)
    with tqdm(desc="People", unit="person", disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            corpus = make_sample_corpus(SAMPLE_CORPUS, show)
        except (ValueError, OSError) as error:
            raise BuildError(str(error)) from None
    return corpus.faces, corpus.audio, corpus.meta
