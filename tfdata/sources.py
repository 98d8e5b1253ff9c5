"""Where records come from: shards as they lie, copies of them nearby, or memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdata.addresses import mask_secrets
from tfdata.order import Source
from tfdata.schema import DatasetError, Shard

BUFFER_BYTES = 1 << 20  # one read of a shard


def from_files(files: list[str]) -> Source:
    """Records of TFRecord files."""
    names = tf.constant(files)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(names[shard], buffer_size=BUFFER_BYTES)
        return records.skip(first).take(number)

    return source


def from_memory(files: list[str]) -> Source:
    """Records of TFRecord files, which are read once, now."""
    shards = [list(tf.data.TFRecordDataset(file).as_numpy_iterator()) for file in files]
    table = tf.constant(np.array([record for shard in shards for record in shard], object))
    begins = tf.constant(np.cumsum([0, *map(len, shards)])[:-1], tf.int64)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        start = begins[shard] + first
        return tf.data.Dataset.range(start, start + number).map(lambda place: table[place])

    return source


def copied(
    files: list[str], shards: Sequence[Shard], folder: Path, *, damage: str = "fail"
) -> list[str]:
    """Copies of shards in a folder, made where they are not there yet; returns their paths.

    A shard's name has a digest of its content, so a copy is never out of date; it is published
    when it is whole, so nothing that was interrupted is ever taken for one. With damage 'skip',
    shards that cannot be fetched are left out.

    Raises:
      DatasetError: a shard cannot be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies = [folder / shard.file for shard in shards]
    for file, copy, shard in zip(files, copies, shards, strict=True):
        if copy.is_file() and copy.stat().st_size == shard.bytes:
            continue
        temporary = copy.with_name(f"{copy.name}.{os.getpid()}.tmp")
        try:
            with tf.io.gfile.GFile(file, "rb") as far, temporary.open("wb") as near:
                shutil.copyfileobj(far, near, BUFFER_BYTES)
            if temporary.stat().st_size != shard.bytes and damage == "fail":
                raise DatasetError(
                    f"{file} came with {temporary.stat().st_size} bytes where the manifest says "
                    f"{shard.bytes}; try again, or build the data set again."
                )
            temporary.replace(copy)
        except tf.errors.OpError as error:
            if damage == "fail":
                text = mask_secrets(" ".join(str(error.message).split()).rstrip("."))
                raise DatasetError(f"{file} cannot be read: {text}.") from None
        finally:
            temporary.unlink(missing_ok=True)
    return [str(copy) for copy in copies]
