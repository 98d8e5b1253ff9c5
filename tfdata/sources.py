"""Provides the records of shards: from files or from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import tensorflow as tf

from tfdata.shard_cache import AT_A_TIME
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

    Shards are requested ahead, instead of fetched in a parallel map, because tf.data has as many
    threads as there are cores, all of which would wait for the network.

    Args:
      fetch: called with the index of each shard, in order, before its slice is passed on.
      request: called with the same indices, up to AT_A_TIME - 1 ahead; returns at once.
    """

    def calling(function: Callable[[int], object]) -> Callable[..., tuple[tf.Tensor, ...]]:
        def call(shard: np.int64) -> np.int64:
            function(int(shard))
            return shard

        def map_slice(shard: tf.Tensor, *others: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # With deterministic operations, tf.data does not prefetch behind a stateful one.
            shard = tf.numpy_function(call, [shard], tf.int64, stateful=False)
            return tf.ensure_shape(shard, []), *others

        return map_slice

    return lambda slices: slices.map(calling(request)).prefetch(AT_A_TIME - 1).map(calling(fetch))


def fetch_all(
    shards: Sequence[int], fetch: Callable[[int], str], request: Callable[[int], object]
) -> Iterator[str]:
    """Yields the paths of all shards, in order, and downloads AT_A_TIME at a time."""
    to_request = iter(shards)
    for index in islice(to_request, AT_A_TIME - 1):
        request(index)
    for index in shards:
        for ahead in islice(to_request, 1):
            request(ahead)
        yield fetch(index)


def memory_source(files: Iterable[str]) -> RecordSource:
    """Reads TFRecord files into memory; returns a source of their records."""
    shards = [list(tf.data.TFRecordDataset(file).as_numpy_iterator()) for file in files]
    table = tf.constant(np.array([record for shard in shards for record in shard], object))
    starts = tf.constant(np.cumsum([0, *map(len, shards)])[:-1], tf.int64)

    def source(shard: tf.Tensor, first: tf.Tensor, number: tf.Tensor) -> tf.data.Dataset:
        start = starts[shard] + first
        return tf.data.Dataset.range(start, start + number).map(lambda index: table[index])

    return source
