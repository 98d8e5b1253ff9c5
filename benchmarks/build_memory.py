"""Peak memory and time of the build as the number of pairs grows.

    python benchmarks/build_memory.py 1000 4000

The media are those of the sample corpus, hard-linked under new names: 40 people, each number of
pairs divided among them. Reads /proc, so it runs on Linux.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from command_line import SAMPLE_CORPUS
from sample_corpus import SampleCorpus, make_sample_corpus

PEOPLE, VIDEOS = 40, 10
POLL_SECONDS = 0.05


def main(counts: list[int]) -> None:
    """Builds once for each number of pairs and prints a table."""
    corpus = make_sample_corpus(SAMPLE_CORPUS)
    print("| pairs | seconds | driver, MB | largest worker, MB | all processes, MB |")
    print("|---|---|---|---|---|")
    for pairs in counts:
        with tempfile.TemporaryDirectory(dir=SAMPLE_CORPUS.parent) as folder:
            faces, audio = _repeat(corpus, Path(folder), pairs // PEOPLE)
            output = Path(folder) / "set"
            flags = [f"--faces={faces}", f"--audio={audio}", f"--output={output}"]
            flags += ["--direct_num_workers=2", f"--pairs_per_person={pairs // PEOPLE}"]
            started = time.monotonic()
            peaks = _peaks([sys.executable, "-m", "beam_pipelines.build", *flags])
            seconds = time.monotonic() - started
            print(f"| {pairs} | {seconds:.1f} | {' | '.join(f'{mb:.0f}' for mb in peaks)} |")


def _repeat(corpus: SampleCorpus, root: Path, per_person: int) -> tuple[Path, Path]:
    """A corpus of PEOPLE people with `per_person` faces and clips each, in VIDEOS videos."""
    trees = []
    for name, source, suffix in (("faces", corpus.faces, ".jpg"), ("audio", corpus.audio, ".wav")):
        media = itertools.cycle(sorted(source.rglob(f"*{suffix}")))
        for person, item in itertools.product(range(PEOPLE), range(per_person)):
            place = root / name / f"person{person:02d}" / f"video{item % VIDEOS}"
            place.mkdir(parents=True, exist_ok=True)
            os.link(next(media), place / f"{item:05d}{suffix}")
        trees.append(root / name)
    return trees[0], trees[1]


def _peaks(command: list[str]) -> tuple[float, float, float]:
    """Runs a command; peak resident MB of it, of its largest child, and of all (shared once)."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    driver = worker = everything = 0.0
    while process.poll() is None:
        tree = _tree(process.pid)
        driver = max(driver, _mb(process.pid, "status", "VmRSS:"))
        worker = max([worker, *(_mb(pid, "status", "VmRSS:") for pid in tree[1:])])
        everything = max(everything, sum(_mb(pid, "smaps_rollup", "Pss:") for pid in tree))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"error: {' '.join(command)} failed.")
    return driver, worker, everything


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        threads = [t.name for t in Path(f"/proc/{pid}/task").iterdir() if t.name != str(pid)]
        for thread in threads:
            children += Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _mb(pid: int, file: str, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1000, 4000])
