"""Reads tar shards with WebDataset and its WebLoader.

Shards are shuffled, then examples in a buffer; batches are made in the workers, and the loader has
`batch_size=None`: so its README has it. `select_files` passes over what is not asked for. Tensors
go from the workers to the main process through shared memory; arrays would not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import reading
import torch
import webdataset as wds

WORKERS = len(os.sched_getaffinity(0))


def write(folder: Path, count: int, image_size: int) -> None:
    pairs = list(enumerate(reading.made_pairs(count, image_size)))
    for number in range(reading.SHARDS):
        with wds.TarWriter(str(folder / f"pairs-{number:05d}.tar")) as writer:
            for key, pair in pairs[number :: reading.SHARDS]:
                writer.write(
                    {
                        "__key__": f"{key:07d}",
                        "image": pair.image.tobytes(),
                        "spectrogram": pair.spectrogram.tobytes(),
                        "cls": str(pair.label).encode(),
                    }
                )


def epochs(folder: Path, modality: str, shuffled: bool) -> reading.Epochs:
    wanted = reading.chosen(modality, "image", "spectrogram")
    examples = wds.WebDataset(
        sorted(map(str, folder.glob("*.tar"))),
        shardshuffle=reading.SHARDS if shuffled else False,
        select_files=lambda name: name.rpartition(".")[2] in (*wanted, "cls"),
    )
    if shuffled:
        examples = examples.shuffle(reading.SHUFFLE_BUFFER)

    def decode(example: dict[str, bytes]) -> tuple[Any, ...]:
        arrays = (tensor(example[name], name) for name in wanted)
        return *arrays, int(example["cls"])

    batches = examples.map(decode).batched(reading.BATCH_SIZE)
    loader = wds.WebLoader(batches, batch_size=None, num_workers=WORKERS, persistent_workers=True)
    return Columns(loader)


def tensor(content: bytes, name: str) -> torch.Tensor:
    array = np.frombuffer(content, np.uint8)
    if name == "spectrogram":
        return torch.from_numpy(array.reshape(reading.SPECTROGRAM_SHAPE))
    side = round((array.size // 3) ** 0.5)
    return torch.from_numpy(array.reshape(side, side, 3))


class Columns:
    """Its batches, with the labels apart."""

    def __init__(self, batches: Iterable[list[Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[Sequence[Any], Any]]:
        for *arrays, labels in self._batches:
            yield arrays, labels


if __name__ == "__main__":
    reading.serve(epochs, write)
