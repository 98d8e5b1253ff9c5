"""Reads tar shards with WebDataset and its WebLoader.

As in its README, shards are shuffled, then examples in a buffer; batches are made in the workers,
and the loader has `batch_size=None`. `select_files` skips the other modality. Tensors are passed
from the workers to the main process in shared memory; arrays would be copied.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import read_common
import torch
import webdataset as wds

WORKERS = len(os.sched_getaffinity(0))


def write(folder: Path, count: int, image_size: int) -> None:
    pairs = list(enumerate(read_common.synthetic_pairs(count, image_size)))
    for number in range(read_common.SHARDS):
        with wds.TarWriter(str(folder / f"pairs-{number:05d}.tar")) as writer:
            for key, pair in pairs[number :: read_common.SHARDS]:
                writer.write(
                    {
                        "__key__": f"{key:07d}",
                        "image": pair.image.tobytes(),
                        "spectrogram": pair.spectrogram.tobytes(),
                        "cls": str(pair.label).encode(),
                    }
                )


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    wanted = read_common.select(modality, "image", "spectrogram")
    examples = wds.WebDataset(
        sorted(map(str, folder.glob("*.tar"))),
        shardshuffle=read_common.SHARDS if shuffled else False,
        select_files=lambda name: name.rpartition(".")[2] in (*wanted, "cls"),
    )
    if shuffled:
        examples = examples.shuffle(read_common.SHUFFLE_BUFFER)

    def decode(example: dict[str, bytes]) -> tuple[Any, ...]:
        arrays = (tensor(example[name], name) for name in wanted)
        return *arrays, int(example["cls"])

    batches = examples.map(decode).batched(read_common.BATCH_SIZE)
    loader = wds.WebLoader(batches, batch_size=None, num_workers=WORKERS, persistent_workers=True)
    return Columns(loader)


def tensor(content: bytes, name: str) -> torch.Tensor:
    array = np.frombuffer(content, np.uint8)
    if name == "spectrogram":
        return torch.from_numpy(array.reshape(read_common.SPECTROGRAM_SHAPE))
    side = round((array.size // 3) ** 0.5)
    return torch.from_numpy(array.reshape(side, side, 3))


class Columns:
    """Iterates over batches, with the arrays in a list."""

    def __init__(self, batches: Iterable[list[Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[Sequence[Any], Any]]:
        for *arrays, labels in self._batches:
            yield arrays, labels


if __name__ == "__main__":
    read_common.serve(epochs, write)
