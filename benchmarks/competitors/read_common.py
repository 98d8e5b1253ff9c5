"""Common code of the competitors of the group `read`: synthetic pairs, tasks and digests."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import protocol
from numpy.typing import NDArray

BATCH_SIZE = 32
SHUFFLE_BUFFER = 1000  # of competitors that shuffle in a buffer
SHARDS = 16  # of competitors whose number of shards can be chosen
PEOPLE = 40
SPECTROGRAM_SHAPE = (128, 128)

# Each iteration is one epoch of batches: (one array for each modality, labels).
Epochs = Iterable[tuple[Sequence[Any], Any]]


class Pair(NamedTuple):
    """A synthetic example: noise, which is not compressible."""

    image: NDArray[np.uint8]  # [size, size, 3]
    spectrogram: NDArray[np.uint8]  # SPECTROGRAM_SHAPE
    label: int


def synthetic_pairs(count: int, image_size: int) -> Iterator[Pair]:
    """Yields the pairs of every competitor's dataset."""
    return (synthetic_pair(number, image_size) for number in range(count))


def synthetic_pair(number: int, image_size: int) -> Pair:
    draw = np.random.default_rng(number)

    def noise(*shape: int) -> NDArray[np.uint8]:
        return np.frombuffer(draw.bytes(int(np.prod(shape))), np.uint8).reshape(shape)

    image = noise(image_size, image_size, 3)
    return Pair(image, noise(*SPECTROGRAM_SHAPE), number % PEOPLE)


def select(modality: str, image: Any, spectrogram: Any) -> list[Any]:
    """Returns the list of those of the two that a modality ('image', 'audio', 'pair') has."""
    return {"image": [image], "audio": [spectrogram], "pair": [image, spectrogram]}[modality]


def serve(
    epochs: Callable[[Path, str, bool], Epochs],
    write: Callable[[Path, int, int], None] | None = None,
) -> None:
    """Serves the tasks of the group `read`.

    Args:
      epochs: function (directory, modality, shuffled) that returns an iterable of epochs.
      write: function (directory, number of pairs, image size) that writes the dataset; None for
        competitors that read another's dataset.
    """
    cached = functools.lru_cache(maxsize=1)(epochs)  # pipelines are built once, as in a training

    def read(folder: str, modality: str, shuffled: bool) -> dict[str, Any]:
        batches = cached(Path(folder), modality, shuffled)
        return protocol.timed(len(labels) for _, labels in batches)

    def digest(folder: str, modality: str, shuffled: bool) -> dict[str, Any]:
        batches = cached(Path(folder), modality, shuffled)
        gc.collect()  # stops the workers of the previous pipeline
        return {"digest": protocol.unordered_digest(_records(batches))}

    def write_dataset(folder: str, count: int, image_size: int) -> dict[str, Any]:
        assert write
        Path(folder).mkdir()
        write(Path(folder), count, image_size)
        return {}

    protocol.serve({"read": read, "digest": digest, "write": write_dataset})


def _records(batches: Epochs) -> Iterator[bytes]:
    """Yields the bytes of the arrays and the label of each example."""
    for arrays, labels in batches:
        columns = [*map(np.asarray, arrays), np.asarray(labels).astype("<i8")]
        for row in zip(*columns, strict=True):
            yield b"".join(np.ascontiguousarray(value).tobytes() for value in row)
