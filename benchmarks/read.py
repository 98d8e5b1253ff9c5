"""Reading: examples a second beside the tools that a user would pick instead.

Everyone has the same 4,000 made pairs, in its own format, on the same disk, and hands on batches
of 32 uint8 arrays and their labels in the main process. Before a work is timed, a digest of
all arrays and labels that arrive, in whatever order, has to be FaceVoice's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arena import Answer, Contestant, Result, Ring, Scale, refused_unequal, started, table
from environments import HOME

OURS = Contestant("FaceVoice", "own", "read_facevoice.py")
PEERS = (
    Contestant("tf.data as tutorials write it", "own", "read_plain_tfdata.py"),
    Contestant("TensorFlow Datasets", "peers", "read_tfds.py"),
    Contestant("Grain with ArrayRecord", "peers", "read_grain.py"),
    Contestant("WebDataset", "torch", "read_webdataset.py"),
    Contestant("MosaicML Streaming", "torch", "read_mosaicml.py"),
    Contestant("LitData", "torch", "read_litdata.py"),
)
BARE_RECORDS = Contestant("floor: TFRecordDataset alone, stored order", "own", "read_records.py")
BARE_BYTES = Contestant("floor: the bytes of the shards", "own", "read_bytes.py")
FLOORS = (BARE_RECORDS, BARE_BYTES)
EVERYONE = (OURS, *PEERS, *FLOORS)

AHEAD, NEAR_THE_FLOOR = 1.0, 0.9
IMAGE_SIZES_PX = {198: 246, 65: 128}  # by the size of an example, KB


@dataclass(frozen=True)
class Work:
    """What is read: 'image', 'audio' or 'pair', and whether in another order than it lies in."""

    modality: str
    shuffled: bool

    @property
    def name(self) -> str:
        return f"{self.modality}, {'shuffled' if self.shuffled else 'stored order'}"

    @property
    def targets(self) -> dict[str, float]:
        ahead = dict.fromkeys((peer.name for peer in PEERS), AHEAD)
        return ahead if self.shuffled else {**ahead, BARE_RECORDS.name: NEAR_THE_FLOOR}


PAIR_SHUFFLED = Work("pair", True)
WORKS = {
    work.name: work
    for work in (Work("image", True), Work("audio", True), Work("pair", False), PAIR_SHUFFLED)
}


def rows(scale: Scale) -> str:
    """The tables of this group."""
    tables = []
    with started(EVERYONE) as ring:
        for kilobytes in scale.example_kb:
            size = f"{kilobytes} KB an example"
            with readers(ring, scale.examples, IMAGE_SIZES_PX[kilobytes]) as found:
                for name in scale.readings:
                    results = found.timed(WORKS[name], scale.rounds)
                    tables.append(rate_table(f"{name}, {size}", WORKS[name], results))
                if kilobytes == max(scale.example_kb):
                    results = found.timed(PAIR_SHUFFLED, scale.rounds, cold=True)
                    title = f"{PAIR_SHUFFLED.name}, {size}, cold page cache"
                    tables.append(rate_table(title, PAIR_SHUFFLED, results))
    return "\n".join(tables)


def rate_table(title: str, work: Work, results: Sequence[Result]) -> str:
    return table(f"Read: {title}", results, OURS.name, "examples/s", rate, work.targets)


def rate(answer: Answer) -> float:
    """Examples a second."""
    return float(answer["examples"] / answer["seconds"])


@contextmanager
def readers(ring: Ring, examples: int, image_size: int) -> Iterator[Readers]:
    """Lets each write its data set into a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="read-", dir=HOME) as folder:
        found = Readers(ring, Path(folder))
        found.write(examples, image_size)
        yield found


class Readers:
    """Contestants that read, each its own data set; floors FaceVoice's."""

    def __init__(self, ring: Ring, root: Path) -> None:
        self._everyone, self._with_arrays, self._root = ring, ring.only((OURS, *PEERS)), root
        self._written: list[Result] = []

    def write(self, examples: int, image_size: int) -> None:
        """Lets each write the same pairs."""
        made = {"work": "write", "count": examples, "image_size": image_size}
        self._written = self._with_arrays.contest(lambda each: self._asked(each, made), 1, 0)

    def timed(self, work: Work, rounds: int, *, cold: bool = False) -> list[Result]:
        """Reads in turns, after what arrives was compared.

        Args:
          work: what to read.
          rounds: that count, after one to warm up.
          cold: before each turn, the page cache is to forget the data set.
        """
        digest = {"work": "digest", "modality": work.modality, "shuffled": work.shuffled}
        digests = self._with_arrays.contest(
            lambda each: self._asked(each, digest), 1, 0, checked=self._written
        )

        def read(each: Contestant) -> Answer:
            if cold:
                forget(self._folder(each))
            return self._asked(each, {**digest, "work": "read"})

        results = self._everyone.contest(read, rounds, checked=refused_unequal(digests, OURS.name))
        return refused_unequal(results, OURS.name, key="examples")

    def _asked(self, contestant: Contestant, question: Answer) -> Answer:
        return {**question, "folder": str(self._folder(contestant))}

    def _folder(self, contestant: Contestant) -> Path:
        return self._root / (OURS if contestant in FLOORS else contestant).program


def forget(folder: Path) -> None:
    """Asks the system to drop the page cache's copies of all files below a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # pages that are not on the disk yet would stay
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
