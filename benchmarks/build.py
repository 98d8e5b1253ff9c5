"""Benchmark of building: pairs/s with two workers, start-up time and peak memory.

All competitors decode the same media from the page cache and write the same arrays; digests are
compared before the measurement. Rates are slopes between a small and a large build, which excludes
start-up; a separate table has FaceVoice's start-up time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from corpora import Corpus, make_corpus
from environments import HOME
from harness import (
    Competitor,
    Config,
    Message,
    Result,
    RunningCompetitors,
    reject_mismatches,
    started,
    summary,
    table,
)
from memory import Peak, peak_mb_of

OURS = Competitor("FaceVoice", "own", "build_facevoice.py")
IDEAL = Competitor("ideal: two processes, our kernels, TFRecordWriter", "own", "build_ideal.py")
STUDY = Competitor("the study's way: a loop, arrays in memory", "own", "build_study.py")
TFDS = Competitor("TensorFlow Datasets, our kernels", "peers", "build_tfds.py")
TFDS_BEAM = Competitor("TensorFlow Datasets on Beam, our kernels", "peers", "build_tfds_beam.py")
COMPETITORS = (OURS, IDEAL, STUDY, TFDS, TFDS_BEAM)
TARGETS = {IDEAL.name: 0.9, STUDY.name: 4.0, TFDS.name: 2.0, TFDS_BEAM.name: 2.0}

CHECKED_PAIRS = 80
# These are slow or, on Beam, hold the whole dataset in memory; their slopes are of smaller builds.
SLOWER, SLOWER_PAIRS = (STUDY, TFDS, TFDS_BEAM), (400, 2000)
START_UP_SECONDS, WORKER_MB = 6.0, 400.0


def run(config: Config) -> str:
    """Returns the tables of this group."""
    with (
        tempfile.TemporaryDirectory(prefix="build-", dir=HOME) as folder,
        started(COMPETITORS) as running,
    ):
        results = slopes(running, config, Path(folder))
    small, large = config.pairs
    few, some = slower_pairs(config)
    title = (
        f"Build: slope from {small:,} to {large:,} pairs, warm page cache "
        f"(the study's and TensorFlow Datasets': from {few:,} to {some:,})"
    )
    tables = [table(title, results, OURS.name, "pairs/s", pairs_per_second, TARGETS)]
    tables.append(detector_table(config))
    if results[0].responses:
        tables.append(start_up_table(results[0], small))
    tables.append(memory_table([make_corpus(pairs) for pairs in config.memory]))
    return "\n".join(tables)


def detector_table(config: Config) -> str:
    """Compares builds with a face detector with the ideal, which calls the same functions."""
    few, some = slower_pairs(config)
    with (
        tempfile.TemporaryDirectory(prefix="build-", dir=HOME) as folder,
        started((OURS, IDEAL)) as running,
    ):
        results = slopes(running, config, Path(folder), "blazeface")
    title = f"Build with a face detector: slope from {few:,} to {some:,} pairs, warm page cache"
    return table(title, results, OURS.name, "pairs/s", pairs_per_second, TARGETS)


def slopes(
    running: RunningCompetitors, config: Config, folder: Path, face_detector: str | None = None
) -> list[Result]:
    """Compares the competitors' output, then measures their rates in turns.

    Args:
      running: the competitors.
      config: sizes.
      folder: of the outputs.
      face_detector: which the competitors are asked for; those that know none get no such request.
    """
    settings: Message = {"face_detector": face_detector} if face_detector else {}

    def output(each: Competitor) -> str:
        return str(folder / each.program)

    def check(each: Competitor) -> Message:
        corpus = make_corpus(CHECKED_PAIRS).as_arguments() | settings
        return {"task": "check", "corpus": corpus, "output": output(each)}

    def slope(each: Competitor) -> Message:
        is_slow = face_detector or each in SLOWER
        sizes = slower_pairs(config) if is_slow else config.pairs
        small, large = (make_corpus(pairs).as_arguments() | settings for pairs in sizes)
        return {"task": "slope", "small": small, "large": large, "output": output(each)}

    # The study's way runs, too, because librosa imports much of itself at the first use.
    built = running.run_rounds(check, 1, 0)
    checked = reject_mismatches([r for r in built if r.name != STUDY.name], OURS.name)
    warmups = 1 if config.rounds > 1 else 0
    return running.run_rounds(slope, config.rounds, warmups, previous=checked)


def slower_pairs(config: Config) -> tuple[int, int]:
    """Returns the sizes of the two builds of the competitors in `SLOWER`."""
    few, some = SLOWER_PAIRS
    return min(few, config.pairs[0]), min(some, config.pairs[1])


def pairs_per_second(response: Message) -> float:
    return float(response["pairs_per_second"])


def start_up_table(ours: Result, pairs: int) -> str:
    """Formats the time from the command to the first decoded pair, including planning."""
    seconds = [response["first_pair_seconds"] for response in ours.responses]
    verdict = "met" if max(seconds) < START_UP_SECONDS else "missed"
    cells = " | ".join(summary(seconds))
    return (
        f"### Build: start-up, {pairs:,} pairs\n\n"
        "| | s | min to max | target |\n|---|---|---|---|\n"
        f"| from the command to the first pair decoded | {cells} | "
        f"below {START_UP_SECONDS:g}: {verdict} |\n"
    )


def build_once(corpus: Corpus, flags: Sequence[str]) -> tuple[float, Peak]:
    """Builds a corpus with two workers; returns the seconds and the peak memory.

    Raises:
      RuntimeError: the build fails.
    """
    with tempfile.TemporaryDirectory(prefix="build-", dir=HOME) as folder:
        command = [sys.executable, "-m", "beam_pipelines.build", f"--output={folder}/set"]
        command += [f"--faces={corpus.faces}", f"--audio={corpus.audio}", *flags]
        command += ["--direct_num_workers=2", f"--pairs_per_person={corpus.pairs}"]
        started_at = time.monotonic()
        with (
            subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,
            peak_mb_of(process.pid) as peak,
        ):
            process.wait()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    return time.monotonic() - started_at, peak


def memory_table(corpora: list[Corpus]) -> str:
    """Measures the peak memory of FaceVoice's builds; a worker's target is WORKER_MB."""
    lines = [
        "### Build: peak memory\n",
        "| pairs | driver, MB | largest worker, MB | target | all, shared pages once, MB |",
        "|---|---|---|---|---|",
    ]
    for corpus in corpora:
        _, peak = build_once(corpus, ["--face_detector=none"])
        verdict = "met" if peak.child_mb < WORKER_MB else "missed"
        lines.append(
            f"| {corpus.pairs:,} | {peak.root_mb:.0f} | {peak.child_mb:.0f} | "
            f"below {WORKER_MB:g}: {verdict} | {peak.mb:.0f} |"
        )
    return "\n".join(lines) + "\n"
