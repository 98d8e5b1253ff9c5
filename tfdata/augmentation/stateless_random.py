"""Random numbers for examples, each from (seed, epoch, key of the example) alone.

So an example is changed in the same way wherever it stands in a batch, on every machine and
degree of parallelism, and in another way in the next epoch.
"""

from __future__ import annotations

import tensorflow as tf

_BUCKETS = 2**53  # what float64 can tell apart between 0 and 1


class Draws:
    """The draws of one batch."""

    def __init__(self, keys: tf.Tensor, seed: int, epoch: int | tf.Tensor) -> None:
        """Draws for examples with these keys, str [batch], unique in the data set."""
        self._keys = tf.strings.join([tf.strings.as_string(epoch), keys], separator="\0")
        self._salt = [seed, 0]  # two numbers that the graph has to know

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0, rank: int = 1) -> tf.Tensor:
        """One number an example, from low to high: float32 [batch, 1, ..., 1] of that rank.

        Equal names give equal numbers.
        """
        numbers = tf.cast(self._hashes(name, _BUCKETS), tf.float64) / _BUCKETS
        drawn = tf.cast(low + (high - low) * numbers, tf.float32)
        return tf.reshape(drawn, [-1, *[1] * (rank - 1)])

    def chosen(self, name: str, share: float, rank: int = 1) -> tf.Tensor:
        """Whether an example is among that share of all: bool [batch, 1, ..., 1] of that rank."""
        return self.uniform(name, rank=rank) < share

    def field(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Independent numbers in [0, 1) for each place of each example: float32 [batch, *shape]."""
        seeds = tf.stack([self._hashes(f"{name}.{half}", 2**62) for half in "ab"], axis=1)

        def draw(seed: tf.Tensor) -> tf.Tensor:
            return tf.random.stateless_uniform(shape, seed, alg="philox")

        return tf.map_fn(draw, seeds, fn_output_signature=tf.TensorSpec(shape, tf.float32))

    def _hashes(self, name: str, buckets: int) -> tf.Tensor:
        """SipHash of the keys and the name, salted with seed and epoch: int64 [batch]."""
        named = tf.strings.join([self._keys, name], separator="\0")
        return tf.strings.to_hash_bucket_strong(named, buckets, self._salt)
