"""Reads with TensorFlow Datasets.

Tensors are stored with `Encoding.BYTES`, far faster than the default, lists of int64. Partial
decoding follows https://www.tensorflow.org/datasets/decode, the order of steps
https://www.tensorflow.org/datasets/performances. The in-memory cache for datasets below 250 MB is
off, so that every epoch reads files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import read_common
import tensorflow as tf
import tensorflow_datasets as tfds


def write(folder: Path, count: int, image_size: int) -> None:
    def tensor(*shape: int) -> tfds.features.Tensor:
        encoding = tfds.features.Encoding.BYTES
        return tfds.features.Tensor(shape=shape, dtype=tf.uint8, encoding=encoding)

    tfds.dataset_builders.store_as_tfds_dataset(
        name="pairs",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tensor(image_size, image_size, 3),
                "spectrogram": tensor(*read_common.SPECTROGRAM_SHAPE),
                "label": tfds.features.ClassLabel(num_classes=read_common.PEOPLE),
            }
        ),
        split_datasets={
            "train": (
                (key, pair._asdict())
                for key, pair in enumerate(read_common.synthetic_pairs(count, image_size))
            )
        },
        data_dir=folder,
        download_config=tfds.download.DownloadConfig(num_shards=read_common.SHARDS),
    )


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    wanted = read_common.select(modality, "image", "spectrogram")
    examples = tfds.builder_from_directory(folder / "pairs" / "1.0.0").as_dataset(
        split="train",
        shuffle_files=shuffled,
        decoders=tfds.decode.PartialDecoding(dict.fromkeys([*wanted, "label"], True)),
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    if shuffled:
        examples = examples.shuffle(read_common.SHUFFLE_BUFFER)
    batches = examples.batch(read_common.BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
    return Columns(batches, wanted)


class Columns:
    """Iterates over batches, with the arrays in a list."""

    def __init__(self, batches: tf.data.Dataset, names: list[str]) -> None:
        self._batches, self._names = batches, names

    def __iter__(self) -> Iterator[tuple[Sequence[tf.Tensor], tf.Tensor]]:
        for batch in self._batches:
            yield [batch[name] for name in self._names], batch["label"]


if __name__ == "__main__":
    read_common.serve(epochs, write)
