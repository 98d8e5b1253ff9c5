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
    seed = drawn[0] % (2**31 - 1)  # as `Dataset.shuffle` has it, so that orders stay what they were
    return _through_buffer(records, options.shuffle_buffer, seed)


def _through_buffer(records: tf.data.Dataset, size: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Shuffles through a buffer of `size` records, as a function of `seed` (int64 scalar) alone.

    `Dataset.shuffle` listens to the program's seed, too, and its operation is stateful: where
    operations have to be deterministic, tf.data prefetches nothing behind a stateful one, and each
    epoch would begin by waiting for its buffer.
    """
    specs = tf.nest.flatten(records.element_spec)
    shuffled = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(records),
        buffer_size=tf.constant(size, tf.int64),
        seed=tf.constant(1, tf.int64),  # were both 0, each pass would have an order of its own
        seed2=seed,
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(shuffled, records.element_spec)


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
