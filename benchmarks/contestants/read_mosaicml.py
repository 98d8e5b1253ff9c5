"""Reads MDS shards with MosaicML Streaming: its own dataset, order and shard size.

Columns of a fixed shape are what its documentation has for arrays that are all of one shape.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import reading
import streaming
from torch.utils.data import DataLoader

WORKERS = len(os.sched_getaffinity(0))


def write(folder: Path, count: int, image_size: int) -> None:
    height, width = reading.SPECTROGRAM_SHAPE
    columns = {
        "image": f"ndarray:uint8:{image_size},{image_size},3",
        "spectrogram": f"ndarray:uint8:{height},{width}",
        "label": "int",
    }
    with streaming.MDSWriter(out=str(folder), columns=columns) as writer:
        for pair in reading.made_pairs(count, image_size):
            writer.write(pair._asdict())


class Pairs(streaming.StreamingDataset):
    """Hands on the modality that is asked for."""

    modality = "pair"

    def __getitem__(self, at: int) -> tuple[list[Any], int]:
        pair = super().__getitem__(at)
        return reading.chosen(self.modality, pair["image"], pair["spectrogram"]), pair["label"]


def epochs(folder: Path, modality: str, shuffled: bool) -> reading.Epochs:
    pairs = Pairs(local=str(folder), shuffle=shuffled, batch_size=reading.BATCH_SIZE)
    pairs.modality = modality
    return DataLoader(
        pairs,
        batch_size=reading.BATCH_SIZE,
        num_workers=WORKERS,
        persistent_workers=True,
    )


if __name__ == "__main__":
    reading.serve(epochs, write)
