"""Runs the commands of a study on a corpus of VoxCeleb1's numbers; prints a table of their costs.

    python benchmarks/voxceleb_size.py --scale 0.1

The corpus (see `voxceleb_corpus`) has 1.3 million files at scale 1, of 10 GB on a file system with
blocks of 4 KB, and the dataset has 10 GB. Both stay in `--folder`; the same command continues with
the corpus that is there. Linux only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import HOME
from memory import peak_mb_of
from voxceleb_corpus import Corpus, make_corpus, plan_corpus

from tfdata import load_manifest
from tfdata.schema import MANIFEST_NAME

ROOT = Path(__file__).parents[1]
SEED = 0
MOST_PAIRS = 1000  # of a person: more than anyone has utterances, so that all are used
SHARDS = 64  # of a split
# Prints the seconds of the calls without imports.
OPEN_CODE = """
import sys, time
import tfdata
from tfdata import ReadOptions, load
started = time.perf_counter()
manifest = tfdata.load_manifest(sys.argv[1])
read = time.perf_counter()
dataset = load(sys.argv[1], "train", options=ReadOptions(shuffle_buffer=1000))
opened = time.perf_counter()
next(iter(dataset))
batch = time.perf_counter()
print(f"{read - started:.2f} {opened - started:.2f} {batch - started:.2f}")
"""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
      name: for the table.
      seconds: from start to end.
      cpu_seconds: of the process and its children.
      peak_mb, child_mb: memory of the process, and of its largest child.
      output: what the command printed.
    """

    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    child_mb: float
    output: str

    def row(self) -> str:
        numbers = (self.seconds, self.cpu_seconds, self.peak_mb, self.child_mb)
        return f"| {self.name} | " + " | ".join(f"{number:,.1f}" for number in numbers) + " |"


def measure(name: str, *command: str | Path) -> Cost:
    """Runs a command.

    Raises:
      RuntimeError: it failed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with peak_mb_of(process.pid, total=False) as peak:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{name} failed: {output[-500:]}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    seconds = time.monotonic() - started
    # Without children, the kernel's record is that of the process, also if it was short.
    root_mb = peak.root_mb if peak.child_mb else usage.ru_maxrss / 1024
    cost = Cost(name, seconds, cpu_seconds, root_mb, peak.child_mb, output)
    print(cost.row(), flush=True)
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=0.01, help="1: VoxCeleb1 (default: 0.01)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=HOME / "voxceleb_size",
        help="directory of the corpus, the dataset and the run (default: %(default)s)",
    )
    parser.add_argument(
        "--pairs_per_person",
        type=int,
        default=MOST_PAIRS,
        help="of the build; the default, %(default)s, uses all utterances",
    )
    parser.add_argument(
        "--steps",
        default="plan,build,again,read,train,evaluate",
        help="what to run, with commas between (default: %(default)s)",
    )
    args = parser.parse_args()
    steps = args.steps.split(",")
    folder = args.folder / f"scale-{args.scale:g}"
    people = plan_corpus(args.scale, SEED)
    corpus = Corpus(folder / "corpus")
    if not corpus.trials.is_file():  # written last
        make_corpus(corpus.root, people, SEED, os.cpu_count() or 1)
    dataset, run = folder / f"dataset-{args.pairs_per_person}", folder / "run"
    build = build_command(corpus, dataset, args.pairs_per_person)
    print(f"### {args.scale:g} times VoxCeleb1: {len(people):,} people\n")
    print("| | seconds | CPU seconds | MB | MB of the largest child |\n|---|---|---|---|---|")
    if "plan" in steps:
        measure("`build --dry_run`", *build, "--dry_run")
    if "build" in steps:
        measure("`build`", *build)
    if "again" in steps:
        measure("`build` again", *build)
    facts: list[str] = []
    if "read" in steps:
        measure("`check`", "-m", "facevoice.cli", "check", dataset)
        measure("`inspect`", "-m", "facevoice.cli", "inspect", dataset)
        opened = measure("`tfdata.load`", "-c", OPEN_CODE, dataset)
        facts += dataset_facts(dataset, opened.output.split()[-3:])
    if "train" in steps:
        data = ("--data", dataset, "--output", run)
        measure("`train`", "train.py", "--model", "resnet_audio", "--epochs", "1", *data)
    if "evaluate" in steps:
        trials = ("--trials", corpus.trials, "--media", corpus.audio, "--skip_robustness")
        cost = measure("`evaluate`", "evaluate.py", "--run", run, *trials)
        report = run / "evaluation-test" / "report.html"
        facts += [page_fact(report), f"```\n{cost.output}```"]
    print("", *facts, sep="\n")


def build_command(corpus: Corpus, dataset: Path, pairs_per_person: int) -> Sequence[str]:
    return (
        *("-m", "beam_pipelines.build", f"--output={dataset}"),
        *(f"--faces={corpus.faces}", f"--audio={corpus.audio}", f"--meta={corpus.meta}"),
        *(f"--pairs_per_person={pairs_per_person}", f"--num_shards={SHARDS}"),
    )


def dataset_facts(dataset: Path, opened: Sequence[str]) -> list[str]:
    """Returns lines about the sizes of a dataset and the seconds to open it."""
    manifest = load_manifest(dataset)
    lines = []
    for name, split in manifest.splits.items():
        sizes = sorted(shard.bytes / 1e6 for shard in split.shards)
        lines.append(
            f"- {name}: {split.pairs:,} pairs in {len(sizes)} shards of {sizes[0]:.1f} to "
            f"{sizes[-1]:.1f} MB, median {statistics.median(sizes):.1f}"
        )
    work = [file.stat().st_size for file in (dataset / ".build").iterdir()]
    read, loaded, batch = opened
    return [
        *lines,
        f"- {MANIFEST_NAME}: {(dataset / MANIFEST_NAME).stat().st_size / 1e6:.2f} MB; "
        f".build/: {sum(work) / 1e6:.1f} MB, the largest file {max(work) / 1e6:.2f} MB",
        f"- after imports: manifest read in {read} s, `load` returns after {loaded} s, first "
        f"shuffled batch after {batch} s",
        page_fact(dataset / "card.html"),
    ]


def page_fact(page: Path) -> str:
    """Returns a line about the size of a page, and the time until a browser has loaded it."""
    from tests.browser import find_browser, open_browser  # not installed with this project

    fact = f"- {page.name}: {page.stat().st_size / 1e6:.2f} MB"
    if browser := find_browser():
        with (
            tempfile.TemporaryDirectory() as profile,
            open_browser(browser, Path(profile)) as tab,
        ):
            started = time.perf_counter()
            tab.open(page, 1280)
            seconds = time.perf_counter() - started
            height_px = tab.evaluate("document.documentElement.scrollHeight")
        fact += f", loaded in {seconds:.2f} s, {height_px:,} pixels high"
    return fact


if __name__ == "__main__":
    sys.path.append(str(ROOT))
    main()
