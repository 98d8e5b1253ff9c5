"""Provides the records of shards: from files, from memory, or from local copies."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard, missing_shard
from tfdata.shuffling import RecordSource
from tfdata.storage import remote
from tfdata.storage.addresses import mask_secrets
from tfdata.storage.files import create_file

BUFFER_BYTES = 1 << 20  # size of a read of a shard


def file_source(files: list[str]) -> RecordSource:
    """Returns a source that reads TFRecord files."""
    names = tf.constant(files)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(names[shard], buffer_size=BUFFER_BYTES)
        return records.skip(first).take(number)

    return source


def memory_source(files: list[str]) -> RecordSource:
    """Reads TFRecord files into memory; returns a source of their records."""
    shards = [list(tf.data.TFRecordDataset(file).as_numpy_iterator()) for file in files]
    table = tf.constant(np.array([record for shard in shards for record in shard], object))
    starts = tf.constant(np.cumsum([0, *map(len, shards)])[:-1], tf.int64)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        start = starts[shard] + first
        return tf.data.Dataset.range(start, start + number).map(lambda index: table[index])

    return source


def copy_shards(
    data_dir: str | Path,
    manifest: Manifest,
    shards: Sequence[Shard],
    folder: Path,
    *,
    damage: str = "fail",
) -> list[str]:
    """Copies shards of a dataset to a directory, unless they exist there; returns their paths.

    A shard's name has a digest of its content, so a copy is never out of date. A copy gets its name
    when it is complete. With damage 'skip', shards that cannot be read are not copied.

    Raises:
      DatasetError: a shard cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies = [folder / shard.file for shard in shards]
    for copy, shard in zip(copies, shards, strict=True):
        file = remote.join(data_dir, shard.file)
        if copy.is_file() and copy.stat().st_size == shard.bytes:
            continue
        temporary = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.tmp")
        try:
            with tf.io.gfile.GFile(file, "rb") as source, create_file(temporary) as target:
                shutil.copyfileobj(source, target, BUFFER_BYTES)
            if temporary.stat().st_size != shard.bytes and damage == "fail":
                raise DatasetError(
                    f"{file} was read with {temporary.stat().st_size} bytes where the manifest "
                    f"says {shard.bytes}; try again, or build the dataset again."
                )
            temporary.replace(copy)
        except tf.errors.OpError as error:
            if damage == "fail":
                if isinstance(error, tf.errors.NotFoundError):
                    raise missing_shard(data_dir, manifest, shard.file) from None
                text = mask_secrets(" ".join(str(error.message).split()).rstrip("."))
                raise DatasetError(f"{file} cannot be read: {text}.") from None
        finally:
            temporary.unlink(missing_ok=True)
    return [str(copy) for copy in copies]
