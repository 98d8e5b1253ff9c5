"""Provides the records of shards: from files or from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tfdata.shuffling import RecordSource

BUFFER_BYTES = 1 << 20  # size of a read of a shard


def file_source(files: list[str]) -> RecordSource:
    """Returns a source that reads TFRecord files."""
    names = tf.constant(files)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(names[shard], buffer_size=BUFFER_BYTES)
        return records.skip(first).take(number)

    return source


def fetch_operation(fetch: Callable[[int], object]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an operation that calls `fetch` with the index of a shard, and returns the index."""

    def call(shard: np.int64) -> np.int64:
        fetch(int(shard))
        return shard

    return lambda shard: tf.ensure_shape(tf.numpy_function(call, [shard], tf.int64), [])


def memory_source(files: Iterable[str]) -> RecordSource:
    """Reads TFRecord files into memory; returns a source of their records."""
    shards = [list(tf.data.TFRecordDataset(file).as_numpy_iterator()) for file in files]
    table = tf.constant(np.array([record for shard in shards for record in shard], object))
    starts = tf.constant(np.cumsum([0, *map(len, shards)])[:-1], tf.int64)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        start = starts[shard] + first
        return tf.data.Dataset.range(start, start + number).map(lambda index: table[index])

    return source
