"""What all contestants of reading share: the pairs, the questions, and how output is compared."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import contest
import numpy as np
from numpy.typing import NDArray

BATCH_SIZE = 32
SHUFFLE_BUFFER = 1000  # for those that shuffle in one
SHARDS = 16  # for those that ask for a number
PEOPLE = 40
SPECTROGRAM_SHAPE = (128, 128)

# One epoch each time that it is iterated: batches of arrays, one for each modality, and labels.
Epochs = Iterable[tuple[Sequence[Any], Any]]


class Pair(NamedTuple):
    """A made example: noise, which no codec makes smaller."""

    image: NDArray[np.uint8]  # [size, size, 3]
    spectrogram: NDArray[np.uint8]  # SPECTROGRAM_SHAPE
    label: int


def made_pairs(count: int, image_size: int) -> Iterator[Pair]:
    """The pairs of every reader's data set."""
    return (made_pair(number, image_size) for number in range(count))


def made_pair(number: int, image_size: int) -> Pair:
    draw = np.random.default_rng(number)

    def noise(*shape: int) -> NDArray[np.uint8]:
        return np.frombuffer(draw.bytes(int(np.prod(shape))), np.uint8).reshape(shape)

    image = noise(image_size, image_size, 3)
    return Pair(image, noise(*SPECTROGRAM_SHAPE), number % PEOPLE)


def chosen(modality: str, image: Any, spectrogram: Any) -> list[Any]:
    """Of the two, those that a modality ('image', 'audio', 'pair') has."""
    return {"image": [image], "audio": [spectrogram], "pair": [image, spectrogram]}[modality]


def serve(
    epochs: Callable[[Path, str, bool], Epochs],
    write: Callable[[Path, int, int], None] | None = None,
) -> None:
    """Answers what the group `read` asks.

    Args:
      epochs: from folder, modality and whether to shuffle, to what is iterated.
      write: makes the data set in an empty folder, of so many pairs with images of that size;
        None for who reads another's.
    """
    made = functools.lru_cache(maxsize=1)(epochs)  # pipelines are built once, as in a training

    def read(folder: str, modality: str, shuffled: bool) -> dict[str, Any]:
        batches = made(Path(folder), modality, shuffled)
        return contest.timed(len(labels) for _, labels in batches)

    def digest(folder: str, modality: str, shuffled: bool) -> dict[str, Any]:
        batches = made(Path(folder), modality, shuffled)
        gc.collect()  # the pipeline before this one, and its workers
        return {"digest": contest.unordered_digest(_records(batches))}

    def written(folder: str, count: int, image_size: int) -> dict[str, Any]:
        assert write
        Path(folder).mkdir()
        write(Path(folder), count, image_size)
        return {}

    contest.serve({"read": read, "digest": digest, "write": written})


def _records(batches: Epochs) -> Iterator[bytes]:
    """Each example that arrived, as the bytes of its arrays and of its label."""
    for arrays, labels in batches:
        columns = [*map(np.asarray, arrays), np.asarray(labels).astype("<i8")]
        for row in zip(*columns, strict=True):
            yield b"".join(np.ascontiguousarray(value).tobytes() for value in row)
