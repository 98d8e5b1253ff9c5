"""Reads ArrayRecord files with Grain.

`group_size:1` is ArrayRecord's recommendation for random access. A record is the concatenation of
the arrays' bytes, which decode as views: the fastest choice. Threads and buffers are Grain's
defaults; other values made no measurable difference.
"""

from __future__ import annotations

from pathlib import Path

import grain
import numpy as np
import read_common
from array_record.python import array_record_module
from numpy.typing import NDArray

LABEL_BYTES = 8


def write(folder: Path, count: int, image_size: int) -> None:
    pairs = list(read_common.synthetic_pairs(count, image_size))
    for number in range(read_common.SHARDS):
        path = folder / f"pairs-{number:05d}.array_record"
        writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
        for pair in pairs[number :: read_common.SHARDS]:
            label = pair.label.to_bytes(LABEL_BYTES, "little")
            writer.write(label + pair.spectrogram.tobytes() + pair.image.tobytes())
        writer.close()


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    source = grain.sources.ArrayRecordDataSource(sorted(folder.glob("*.array_record")))
    examples = grain.MapDataset.source(source)
    if shuffled:
        examples = examples.shuffle(seed=0)
    return examples.map(Decode(modality)).batch(read_common.BATCH_SIZE).to_iter_dataset()


class Decode(grain.transforms.Map):
    """Decodes a record to arrays and a label."""

    def __init__(self, modality: str) -> None:
        self._modality = modality

    def map(self, record: bytes) -> tuple[list[NDArray[np.uint8]], np.int64]:
        height, width = read_common.SPECTROGRAM_SHAPE
        image_start = LABEL_BYTES + height * width
        label = np.frombuffer(record, "<i8", 1)[0]
        spectrogram = np.frombuffer(record, np.uint8, height * width, LABEL_BYTES)
        image = np.frombuffer(record, np.uint8, offset=image_start)
        side = round((image.size // 3) ** 0.5)
        arrays = read_common.select(
            self._modality, image.reshape(side, side, 3), spectrogram.reshape(height, width)
        )
        return arrays, label


if __name__ == "__main__":
    read_common.serve(epochs, write)
