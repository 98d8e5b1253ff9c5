"""Provides the records of shards: from files or from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tfdata.shard_cache import AHEAD
from tfdata.shuffling import RecordSource

BUFFER_BYTES = 1 << 20  # size of a read of a shard


def file_source(files: list[str]) -> RecordSource:
    """Returns a source that reads TFRecord files."""
    names = tf.constant(files)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(names[shard], buffer_size=BUFFER_BYTES)
        return records.skip(first).take(number)

    return source


def fetch_ahead(
    fetch: Callable[[int], object], request: Callable[[int], object]
) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Returns a transformation of the slices of an epoch that fetches their shards.

    Downloads have threads of their own, because the threads of tf.data are as many as the cores,
    and would wait for the network.

    Args:
      fetch: called with the index of a shard before its slice is passed on.
      request: called with the indices of the AHEAD shards after it, in order; returns at once.
    """

    def passing_on(call: Callable[[int], object]) -> Callable[..., tuple[tf.Tensor, ...]]:
        def called(shard: np.int64) -> np.int64:
            call(int(shard))
            return shard

        def element(shard: tf.Tensor, *slice_: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # With deterministic operations, tf.data does not prefetch behind a stateful one.
            passed_on = tf.numpy_function(called, [shard], tf.int64, stateful=False)
            return tf.ensure_shape(passed_on, []), *slice_

        return element

    return lambda slices: slices.map(passing_on(request)).prefetch(AHEAD).map(passing_on(fetch))


def memory_source(files: Iterable[str]) -> RecordSource:
    """Reads TFRecord files into memory; returns a source of their records."""
    shards = [list(tf.data.TFRecordDataset(file).as_numpy_iterator()) for file in files]
    table = tf.constant(np.array([record for shard in shards for record in shard], object))
    starts = tf.constant(np.cumsum([0, *map(len, shards)])[:-1], tf.int64)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        start = starts[shard] + first
        return tf.data.Dataset.range(start, start + number).map(lambda index: table[index])

    return source
