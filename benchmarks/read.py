"""Benchmark of reading: examples/s of FaceVoice and of alternatives.

Each competitor stores the same synthetic pairs in its own format on the same disk, and yields
batches of 32 uint8 arrays and labels in the main process. Before the measurement, an
order-independent digest of all arrays and labels must equal FaceVoice's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments import HOME
from harness import (
    Competitor,
    Config,
    Message,
    Result,
    RunningCompetitors,
    reject_mismatches,
    started,
    table,
)

OURS = Competitor("FaceVoice", "own", "read_facevoice.py")
PEERS = (
    Competitor("tf.data as tutorials write it", "own", "read_plain_tfdata.py"),
    Competitor("TensorFlow Datasets", "peers", "read_tfds.py"),
    Competitor("Grain with ArrayRecord", "peers", "read_grain.py"),
    Competitor("WebDataset", "torch", "read_webdataset.py"),
    Competitor("MosaicML Streaming", "torch", "read_mosaicml.py"),
    Competitor("LitData", "torch", "read_litdata.py"),
)
BARE_RECORDS = Competitor("floor: TFRecordDataset alone, stored order", "own", "read_records.py")
BARE_BYTES = Competitor("floor: the bytes of the shards", "own", "read_bytes.py")
FLOORS = (BARE_RECORDS, BARE_BYTES)
COMPETITORS = (OURS, *PEERS, *FLOORS)

AHEAD, NEAR_THE_FLOOR = 1.0, 0.9
IMAGE_SIZES_PX = {198: 246, 65: 128}  # from the size of an example in KB


@dataclass(frozen=True)
class ReadTask:
    """A modality ('image', 'audio' or 'pair'), read in stored or in shuffled order."""

    modality: str
    shuffled: bool

    @property
    def name(self) -> str:
        return f"{self.modality}, {'shuffled' if self.shuffled else 'stored order'}"

    @property
    def targets(self) -> dict[str, float]:
        ahead = dict.fromkeys((peer.name for peer in PEERS), AHEAD)
        return ahead if self.shuffled else {**ahead, BARE_RECORDS.name: NEAR_THE_FLOOR}


PAIR_SHUFFLED = ReadTask("pair", True)
_TASKS = (ReadTask("image", True), ReadTask("audio", True), ReadTask("pair", False), PAIR_SHUFFLED)
READ_TASKS = {task.name: task for task in _TASKS}


def run(config: Config) -> str:
    """Returns the tables of this group."""
    tables = []
    with started(COMPETITORS) as running:
        for kilobytes in config.example_kb:
            size = f"{kilobytes} KB per example"
            with readers(running, config.examples, IMAGE_SIZES_PX[kilobytes]) as datasets:
                for name in config.readings:
                    results = datasets.measure(READ_TASKS[name], config.rounds)
                    tables.append(rate_table(f"{name}, {size}", READ_TASKS[name], results))
                if kilobytes == max(config.example_kb):
                    results = datasets.measure(PAIR_SHUFFLED, config.rounds, cold=True)
                    title = f"{PAIR_SHUFFLED.name}, {size}, cold page cache"
                    tables.append(rate_table(title, PAIR_SHUFFLED, results))
    return "\n".join(tables)


def rate_table(title: str, task: ReadTask, results: Sequence[Result]) -> str:
    return table(f"Read: {title}", results, OURS.name, "examples/s", rate, task.targets)


def rate(response: Message) -> float:
    """Returns examples/s."""
    return float(response["examples"] / response["seconds"])


@contextmanager
def readers(running: RunningCompetitors, examples: int, image_size: int) -> Iterator[Readers]:
    """Lets each competitor write its dataset; removes them at the end of the context."""
    with tempfile.TemporaryDirectory(prefix="read-", dir=HOME) as folder:
        datasets = Readers(running, Path(folder))
        datasets.write(examples, image_size)
        yield datasets


class Readers:
    """Competitors and their datasets; the floors read FaceVoice's."""

    def __init__(self, running: RunningCompetitors, root: Path) -> None:
        self._all, self._with_arrays, self._root = running, running.subset((OURS, *PEERS)), root
        self._written: list[Result] = []

    def write(self, examples: int, image_size: int) -> None:
        """Lets each competitor write the same pairs."""
        write = {"task": "write", "count": examples, "image_size": image_size}
        self._written = self._with_arrays.run_rounds(lambda each: self._request(each, write), 1, 0)

    def measure(self, task: ReadTask, rounds: int, *, cold: bool = False) -> list[Result]:
        """Compares what the competitors read, then measures their rates in turns.

        Args:
          task: what to read.
          rounds: number of measured rounds, after one warm-up round.
          cold: whether to drop a dataset from the page cache before each turn.
        """
        digest = {"task": "digest", "modality": task.modality, "shuffled": task.shuffled}
        digests = self._with_arrays.run_rounds(
            lambda each: self._request(each, digest), 1, 0, previous=self._written
        )

        def read(each: Competitor) -> Message:
            if cold:
                drop_page_cache(self._folder(each))
            return self._request(each, {**digest, "task": "read"})

        equal = reject_mismatches(digests, OURS.name)
        results = self._all.run_rounds(read, rounds, previous=equal)
        return reject_mismatches(results, OURS.name, key="examples")

    def _request(self, competitor: Competitor, message: Message) -> Message:
        return {**message, "folder": str(self._folder(competitor))}

    def _folder(self, competitor: Competitor) -> Path:
        return self._root / (OURS if competitor in FLOORS else competitor).program


def drop_page_cache(folder: Path) -> None:
    """Drops all files below a directory from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # dirty pages are not dropped
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
