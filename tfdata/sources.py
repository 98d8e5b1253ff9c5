"""Where records come from: shards as they lie, copies of them nearby, or memory."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard, missing_shard
from tfdata.shuffling import Source
from tfdata.storage import remote
from tfdata.storage.addresses import mask_secrets
from tfdata.storage.files import create_file

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
    data_dir: str | Path,
    manifest: Manifest,
    shards: Sequence[Shard],
    folder: Path,
    *,
    damage: str = "fail",
) -> list[str]:
    """Copies some shards of a dataset to a folder, unless they are there; returns their paths.

    A shard's name has a digest of its content, so a copy is never out of date; it is published
    when it is whole, so nothing that was interrupted is ever taken for one. With damage 'skip',
    shards that cannot be fetched are left out.

    Raises:
      DatasetError: a shard cannot be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies = [folder / shard.file for shard in shards]
    for copy, shard in zip(copies, shards, strict=True):
        file = remote.join(data_dir, shard.file)
        if copy.is_file() and copy.stat().st_size == shard.bytes:
            continue
        temporary = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.tmp")
        try:
            with tf.io.gfile.GFile(file, "rb") as far, create_file(temporary) as near:
                shutil.copyfileobj(far, near, BUFFER_BYTES)
            if temporary.stat().st_size != shard.bytes and damage == "fail":
                raise DatasetError(
                    f"{file} came with {temporary.stat().st_size} bytes where the manifest says "
                    f"{shard.bytes}; try again, or build the data set again."
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
