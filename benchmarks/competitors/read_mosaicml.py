"""Reads MDS shards with MosaicML Streaming, with its own shuffling and shard size.

Its documentation recommends columns of a fixed shape for arrays of equal shape.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import read_common
import streaming
from torch.utils.data import DataLoader

WORKERS = len(os.sched_getaffinity(0))


def write(folder: Path, count: int, image_size: int) -> None:
    height, width = read_common.SPECTROGRAM_SHAPE
    columns = {
        "image": f"ndarray:uint8:{image_size},{image_size},3",
        "spectrogram": f"ndarray:uint8:{height},{width}",
        "label": "int",
    }
    with streaming.MDSWriter(out=str(folder), columns=columns) as writer:
        for pair in read_common.synthetic_pairs(count, image_size):
            writer.write(pair._asdict())


class Pairs(streaming.StreamingDataset):
    """Returns the arrays of one modality."""

    modality = "pair"

    def __getitem__(self, at: int) -> tuple[list[Any], int]:
        pair = super().__getitem__(at)
        return read_common.select(self.modality, pair["image"], pair["spectrogram"]), pair["label"]


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    pairs = Pairs(local=str(folder), shuffle=shuffled, batch_size=read_common.BATCH_SIZE)
    pairs.modality = modality
    return DataLoader(
        pairs,
        batch_size=read_common.BATCH_SIZE,
        num_workers=WORKERS,
        persistent_workers=True,
    )


if __name__ == "__main__":
    read_common.serve(epochs, write)
