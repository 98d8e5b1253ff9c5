"""Determines the order of the records of a split, as a function of the split, seed and epoch.

The shards are permuted, the sequence of all their records is divided among the hosts, and the
shards of a host are interleaved and shuffled in a buffer. `Dataset.shard` would read all records on
each host, or divide whole files, whose sizes are unequal because shards hold whole videos.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfdata.options import ReadOptions

MAX_OPEN_SHARDS = 16

# Function of shard index, first record and number of records to a dataset of these records.
RecordSource = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.data.Dataset]


def epoch_records(
    source: RecordSource,
    counts: list[int],
    epoch: tf.Tensor,
    options: ReadOptions,
    fetch_shards: Callable[[tf.data.Dataset], tf.data.Dataset] | None = None,
) -> tf.data.Dataset:
    """Returns the serialized records of one epoch that one host reads, in order.

    Args:
      source: of records.
      counts: number of records of each shard.
      epoch: int64 scalar.
      options: shuffling, host and parallelism.
      fetch_shards: applied to the dataset of slices, each a shard's index, its first record and a
        number of records, to fetch each shard before `source` reads it.
    """
    shuffled = options.shuffle_buffer > 0
    # Stateless operations hash this pair, so each (seed, epoch) has independent random numbers.
    salt = tf.stack([tf.cast(options.seed, tf.int64), epoch])
    shards = tf.range(len(counts), dtype=tf.int64)
    if shuffled:
        shards = tf.random.experimental.stateless_shuffle(shards, salt, alg="philox")
    first, number = host_slices(
        tf.gather(tf.constant(counts, tf.int64), shards), options.host_index, options.host_count
    )
    wanted = tf.where(number > 0)[:, 0]
    slices = tf.data.Dataset.from_tensor_slices(
        tuple(tf.gather(x, wanted) for x in (shards, first, number))
    )
    if fetch_shards is not None:
        slices = fetch_shards(slices)
    if not shuffled:
        return slices.flat_map(source)  # saves a thread that passes records on
    open_shards = min(len(counts), MAX_OPEN_SHARDS)
    records = slices.interleave(
        source,
        cycle_length=open_shards,
        num_parallel_calls=min(options.parallel_calls or open_shards, open_shards),
        deterministic=options.deterministic,
    )
    drawn = tf.random.stateless_uniform([2], salt, None, None, dtype=tf.int64, alg="philox")
    seed = drawn[0] % (2**31 - 1)  # as in `Dataset.shuffle`; changing it would change orders
    return _shuffle(records, options.shuffle_buffer, seed)


def _shuffle(records: tf.data.Dataset, size: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Shuffles in a buffer of `size` records, as a function of `seed` (int64 scalar) only.

    `Dataset.shuffle` also depends on the global seed, and its operation is stateful. With
    deterministic operations, tf.data does not prefetch behind a stateful one, so each epoch would
    begin by waiting for the buffer.
    """
    specs = tf.nest.flatten(records.element_spec)
    shuffled = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(records),
        buffer_size=tf.constant(size, tf.int64),
        seed=tf.constant(
            1, tf.int64
        ),  # if both seeds were 0, each iteration would have another order
        seed2=seed,
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(shuffled, records.element_spec)


def host_slices(counts: tf.Tensor, host_index: int, host_count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the slice of each shard that one of several hosts reads.

    The sequence of the records of all shards is cut into host_count equal pieces. A piece has whole
    shards, and parts of shards at its ends.

    Args:
      counts: number of records of each shard, int64 [shards], in the order of the epoch.
      host_index, host_count: this host, from 0, and the number of hosts.

    Returns:
      First record and number of records in each shard, int64 [shards].
    """
    ends = tf.cumsum(counts)
    begins = ends - counts
    low = ends[-1] * host_index // host_count
    high = ends[-1] * (host_index + 1) // host_count
    first = tf.clip_by_value(low - begins, 0, counts)
    return first, tf.clip_by_value(high - begins, 0, counts) - first
