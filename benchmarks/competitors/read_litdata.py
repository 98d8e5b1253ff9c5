"""Reads chunks with LitData's StreamingDataset and StreamingDataLoader.

Chunks of 64 MB follow its README. `batch_decode=0` decodes each example separately; the default
decodes 256 together, which took five times as long for shuffled examples of this size.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import litdata
import read_common

WORKERS = len(os.sched_getaffinity(0))
CHUNK_BYTES = "64MB"


def example(number: int, image_size: int) -> dict[str, Any]:
    return read_common.synthetic_pair(number, image_size)._asdict()


def write(folder: Path, count: int, image_size: int) -> None:
    litdata.optimize(
        fn=functools.partial(example, image_size=image_size),
        inputs=list(range(count)),
        output_dir=str(folder),
        chunk_bytes=CHUNK_BYTES,
        num_workers=1,
        verbose=False,
    )


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    pairs = litdata.StreamingDataset(str(folder), shuffle=shuffled, batch_decode=0)
    batches = litdata.StreamingDataLoader(
        pairs,
        batch_size=read_common.BATCH_SIZE,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    return Columns(batches, read_common.select(modality, "image", "spectrogram"))


class Columns:
    """Iterates over batches, with the arrays in a list."""

    def __init__(self, batches: Any, names: list[str]) -> None:
        self._batches, self._names = batches, names

    def __iter__(self) -> Iterator[tuple[Sequence[Any], Any]]:
        for batch in self._batches:
            yield [batch[name] for name in self._names], batch["label"]


if __name__ == "__main__":
    read_common.serve(epochs, write)
