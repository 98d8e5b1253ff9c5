"""Reads ArrayRecord files with Grain.

`group_size:1` is what ArrayRecord's own page advises for random access. A record is the arrays'
bytes end to end, which decode as views: the fastest that a user could choose. Threads and buffer
are Grain's defaults; others made no difference that could be told.
"""

from __future__ import annotations

from pathlib import Path

import grain
import numpy as np
import reading
from array_record.python import array_record_module
from numpy.typing import NDArray

LABEL_BYTES = 8


def write(folder: Path, count: int, image_size: int) -> None:
    pairs = list(reading.made_pairs(count, image_size))
    for number in range(reading.SHARDS):
        path = folder / f"pairs-{number:05d}.array_record"
        writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
        for pair in pairs[number :: reading.SHARDS]:
            label = pair.label.to_bytes(LABEL_BYTES, "little")
            writer.write(label + pair.spectrogram.tobytes() + pair.image.tobytes())
        writer.close()


def epochs(folder: Path, modality: str, shuffled: bool) -> reading.Epochs:
    source = grain.sources.ArrayRecordDataSource(sorted(folder.glob("*.array_record")))
    examples = grain.MapDataset.source(source)
    if shuffled:
        examples = examples.shuffle(seed=0)
    return examples.map(Decode(modality)).batch(reading.BATCH_SIZE).to_iter_dataset()


class Decode(grain.transforms.Map):
    """From a record to arrays and a label."""

    def __init__(self, modality: str) -> None:
        self._modality = modality

    def map(self, record: bytes) -> tuple[list[NDArray[np.uint8]], np.int64]:
        height, width = reading.SPECTROGRAM_SHAPE
        image_begins = LABEL_BYTES + height * width
        label = np.frombuffer(record, "<i8", 1)[0]
        spectrogram = np.frombuffer(record, np.uint8, height * width, LABEL_BYTES)
        image = np.frombuffer(record, np.uint8, offset=image_begins)
        side = round((image.size // 3) ** 0.5)
        arrays = reading.chosen(
            self._modality, image.reshape(side, side, 3), spectrogram.reshape(height, width)
        )
        return arrays, label


if __name__ == "__main__":
    reading.serve(epochs, write)
