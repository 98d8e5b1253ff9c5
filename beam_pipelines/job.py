"""The job from a checked command line to a data set that stands, and the words about it."""

from __future__ import annotations

import time
from pathlib import Path

from tqdm import tqdm

from beam_pipelines import folder, progress, summary
from beam_pipelines.errors import BuildError
from beam_pipelines.flags import Arguments
from beam_pipelines.local_workers import worker_logs
from beam_pipelines.people import People, find_people
from beam_pipelines.pipeline import describe
from beam_pipelines.runners import pipeline_on, run
from beam_pipelines.shards import Job, ShardNote, read_note
from command_line import SAMPLE_CORPUS
from features import FeatureSettings
from features.spectrogram import filterbank
from sample_corpus import make_sample_corpus


def build(arguments: Arguments) -> None:
    """Builds the data set that a command line asks for, and says what it came to.

    Raises:
      BuildError: with one sentence; an older data set in the output folder is still whole then.
    """
    started = time.monotonic()
    faces, audio, meta = arguments.faces, arguments.audio, arguments.meta
    if faces is None or audio is None:
        faces, audio, meta = _sample_corpus()
    _check_filterbank(arguments.features)
    found = find_people(faces, audio, meta, arguments.plan.exclude)
    output = arguments.output.absolute()
    job = Job(
        faces.absolute(), audio.absolute(), output, arguments.features, arguments.plan.num_shards
    )
    pipeline = pipeline_on(arguments.runner, arguments.beam_flags)
    describe(pipeline, found.people, job, arguments.plan)
    with folder.prepared(output):
        _announce(arguments, found)
        log = folder.log_path(output)
        with worker_logs(log) as terminal, progress.shown(output, terminal):
            run(pipeline, log)
        outline, notes = _results(output)
        rejects = summary.unique_rejects(outline, notes)
        manifest = summary.assemble(
            notes, found.people, rejects, arguments.features, arguments.plan
        )
        if not manifest.people:
            raise BuildError(summary.why_nothing(rejects, faces, audio))
        folder.publish(output, manifest, rejects, outline.shards)
    for line in summary.closing_words(manifest, outline, time.monotonic() - started):
        print(f"  {line}")
    print(f"The data set is in {arguments.output}.")


def _announce(arguments: Arguments, found: People) -> None:
    most = arguments.plan.persons
    people = f"{len(found.people)} people"
    if most is not None and most < len(found.people):
        people = f"{most} of {people}"
    print(f"Building {arguments.output} from {people}.", flush=True)
    if found.faces_alone or found.audio_alone:
        print(
            f"  {found.faces_alone} folders of faces and {found.audio_alone} of audio have no "
            f"counterpart and are left out.",
            flush=True,
        )


def _check_filterbank(features: FeatureSettings) -> None:
    """Refuses here, and not in a worker, what only the filterbank itself can tell."""
    try:
        filterbank(features)
    except ValueError as error:
        raise BuildError(str(error)) from None


def _results(output: Path) -> tuple[folder.Outline, list[ShardNote]]:
    """What the workers noted: the outline of the plan, and what became of each shard."""
    outline = folder.read_outline(output)
    if outline is None:
        raise BuildError(f"The runner says it is done, but left no plan in {output}.")
    notes = [note for digest in outline.shards if (note := read_note(output, digest)) is not None]
    if len(notes) < len(outline.shards):
        raise BuildError(
            f"The runner says it is done, but {len(outline.shards) - len(notes)} shards are "
            f"missing in {output}; start the same command again."
        )
    return outline, notes


def _sample_corpus() -> tuple[Path, Path, Path]:
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
