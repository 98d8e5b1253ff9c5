"""In which order the records of a split are read: a function of (seed, epoch) and of the split.

Shards are permuted, the readers' shares cut from the row of all records so made, and each
reader's shards interleaved and shuffled in a buffer. TensorFlow's own `shard` would either read
everything n times or give whole files, and shards, which hold whole videos, are of unequal size.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfdata.options import ReadOptions

MAX_OPEN_SHARDS = 16

# From a shard's number, and the first and the number of the records wanted, to these.
Source = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.data.Dataset]


def epoch_of_records(
    source: Source, counts: list[int], epoch: tf.Tensor, options: ReadOptions
) -> tf.data.Dataset:
    """What one reader gets of one epoch, serialized, in order.

    Args:
      source: of records.
      counts: records of each shard.
      epoch: int64 scalar.
      options: see there.
    """
    shuffled = options.shuffle_buffer > 0
    # No two of (seed, epoch) share a sequence of draws; hashing is TensorFlow's to do.
    salt = tf.stack([tf.cast(options.seed, tf.int64), epoch])
    if not tf.executing_eagerly():
        # Of this graph alone: else what the program has set for all of it would shuffle along.
        # In tf.data's debug mode there is no graph, and the program's seed is not ours to set.
        tf.random.set_seed(1)
    shards = tf.range(len(counts), dtype=tf.int64)
    if shuffled:
        shards = tf.random.experimental.stateless_shuffle(shards, salt, alg="philox")
    first, number = reader_share(
        tf.gather(tf.constant(counts, tf.int64), shards), options.host_index, options.host_count
    )
    wanted = tf.where(number > 0)[:, 0]
    spans = tf.data.Dataset.from_tensor_slices(
        tuple(tf.gather(x, wanted) for x in (shards, first, number))
    )
    if not shuffled:
        return spans.flat_map(source)  # one thread fewer to hand each record on to
    open_shards = min(len(counts), MAX_OPEN_SHARDS)
    records = spans.interleave(
        source,
        cycle_length=open_shards,
        num_parallel_calls=min(options.parallel_calls or open_shards, open_shards),
        deterministic=options.deterministic,
    )
    drawn = tf.random.stateless_uniform([2], salt, None, None, dtype=tf.int64, alg="philox")
    return records.shuffle(options.shuffle_buffer, seed=drawn[0], reshuffle_each_iteration=False)


def reader_share(
    counts: tf.Tensor, host_index: int, host_count: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """What one of several readers takes of each shard.

    All records, shard behind shard, are cut into host_count even pieces: whole shards, and of the
    one at either end a part.

    Args:
      counts: records of each shard, int64 [shards], in the order of the epoch.
      host_index, host_count: which reader, of how many.

    Returns:
      The first record and the number of records in each shard, int64 [shards].
    """
    ends = tf.cumsum(counts)
    begins = ends - counts
    low = ends[-1] * host_index // host_count
    high = ends[-1] * (host_index + 1) // host_count
    first = tf.clip_by_value(low - begins, 0, counts)
    return first, tf.clip_by_value(high - begins, 0, counts) - first
