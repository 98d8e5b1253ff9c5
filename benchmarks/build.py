"""Building: pairs a second from files to TFRecords with two workers, start-up, and memory.

Everyone decodes the same media, which are in the page cache, and writes the same arrays: digests of
all of them are compared before anything is timed. Rates are slopes between a small and a large
build, so what starting costs is not in them; ours has a row of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from arena import Answer, Contestant, Result, Ring, Scale, refused_unequal, started, summary, table
from environments import HOME
from media import Media, media_of
from memory import peak_mb_of

OURS = Contestant("FaceVoice", "own", "build_facevoice.py")
IDEAL = Contestant("ideal: two processes, our kernels, TFRecordWriter", "own", "build_ideal.py")
STUDY = Contestant("the study's way: a loop, arrays in memory", "own", "build_study.py")
TFDS = Contestant("TensorFlow Datasets, our kernels", "peers", "build_tfds.py")
TFDS_BEAM = Contestant("TensorFlow Datasets on Beam, our kernels", "peers", "build_tfds_beam.py")
EVERYONE = (OURS, IDEAL, STUDY, TFDS, TFDS_BEAM)
TARGETS = {IDEAL.name: 0.9, STUDY.name: 4.0, TFDS.name: 2.0, TFDS_BEAM.name: 2.0}

CHECKED_PAIRS = 80
# These take a slope from less: they are slow, or (on Beam) take the memory of the whole data set.
SLOWER, SLOWER_PAIRS = (STUDY, TFDS, TFDS_BEAM), (400, 2000)
START_UP_SECONDS, WORKER_MB = 6.0, 400.0


def rows(scale: Scale) -> str:
    """The tables of this group."""
    with (
        tempfile.TemporaryDirectory(prefix="build-", dir=HOME) as folder,
        started(EVERYONE) as ring,
    ):
        results = slopes(ring, scale, Path(folder))
    small, large = scale.pairs
    few, some = slower_pairs(scale)
    title = (
        f"Build: slope from {small:,} to {large:,} pairs, warm page cache "
        f"(the study's and TensorFlow Datasets': from {few:,} to {some:,})"
    )
    tables = [table(title, results, OURS.name, "pairs/s", pairs_per_second, TARGETS)]
    if results[0].answers:
        tables.append(start_up_table(results[0], small))
    tables.append(memory_table([media_of(pairs) for pairs in scale.memory]))
    return "\n".join(tables)


def slopes(ring: Ring, scale: Scale, folder: Path) -> list[Result]:
    """Builds in turns, after what they write was compared."""

    def output(each: Contestant) -> str:
        return str(folder / each.program)

    def check(each: Contestant) -> Answer:
        corpus = media_of(CHECKED_PAIRS).asked()
        return {"work": "check", "corpus": corpus, "output": output(each)}

    def slope(each: Contestant) -> Answer:
        sizes = slower_pairs(scale) if each in SLOWER else scale.pairs
        small, large = (media_of(pairs).asked() for pairs in sizes)
        return {"work": "slope", "small": small, "large": large, "output": output(each)}

    built = ring.contest(check, 1, 0)  # the study's too, as librosa loads much of itself late
    checked = refused_unequal([r for r in built if r.name != STUDY.name], OURS.name)
    warmups = 1 if scale.rounds > 1 else 0
    return ring.contest(slope, scale.rounds, warmups, checked=checked)


def slower_pairs(scale: Scale) -> tuple[int, int]:
    few, some = SLOWER_PAIRS
    return min(few, scale.pairs[0]), min(some, scale.pairs[1])


def pairs_per_second(answer: Answer) -> float:
    return float(answer["pairs_per_second"])


def start_up_table(ours: Result, pairs: int) -> str:
    """From the command to the first pair that is decoded, planning included."""
    seconds = [answer["first_pair_seconds"] for answer in ours.answers]
    verdict = "met" if max(seconds) < START_UP_SECONDS else "missed"
    cells = " | ".join(summary(seconds))
    return (
        f"### Build: start-up, {pairs:,} pairs\n\n"
        "| | s | least to most | target |\n|---|---|---|---|\n"
        f"| from the command to the first pair decoded | {cells} | "
        f"below {START_UP_SECONDS:g}: {verdict} |\n"
    )


def memory_table(corpora: list[Media]) -> str:
    """Peaks of our build as the number of pairs grows; a worker's is to stay below WORKER_MB."""
    lines = [
        "### Build: peak memory\n",
        "| pairs | driver, MB | largest worker, MB | target | all, shared pages once, MB |",
        "|---|---|---|---|---|",
    ]
    for corpus in corpora:
        with tempfile.TemporaryDirectory(prefix="build-", dir=HOME) as folder:
            command = [sys.executable, "-m", "beam_pipelines.build", f"--output={folder}/set"]
            command += [f"--faces={corpus.faces}", f"--audio={corpus.audio}"]
            command += ["--direct_num_workers=2", f"--pairs_per_person={corpus.pairs}"]
            with (
                subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,
                peak_mb_of(process.pid) as peak,
            ):
                process.wait()
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed")
        verdict = "met" if peak.child_mb < WORKER_MB else "missed"
        lines.append(
            f"| {corpus.pairs:,} | {peak.root_mb:.0f} | {peak.child_mb:.0f} | "
            f"below {WORKER_MB:g}: {verdict} | {peak.mb:.0f} |"
        )
    return "\n".join(lines) + "\n"
