"""Where records come from: files or memory."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfdata.shuffling import Source

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
