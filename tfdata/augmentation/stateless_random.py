"""Draws random numbers for examples as a function of seed, epoch and the example's key.

An example is augmented in the same way wherever it is in a batch, on every machine and with every
number of threads, and in another way in the next epoch.
"""

from __future__ import annotations

import tensorflow as tf

_BUCKETS = 2**53  # number of values in [0, 1) that float64 can distinguish


class StatelessRandom:
    """Draws random numbers for the examples of a batch. Equal names give equal numbers."""

    def __init__(self, keys: tf.Tensor, seed: int, epoch: int | tf.Tensor) -> None:
        """Prepares the draws of a batch.

        Args:
          keys: str [batch], unique in the dataset.
          seed, epoch: other values give independent numbers.
        """
        self._keys = tf.strings.join([tf.strings.as_string(epoch), keys], separator="\0")
        self._salt = [seed, 0]  # the operation takes two constants

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0, rank: int = 1) -> tf.Tensor:
        """Draws a number in [low, high) per example: float32 [batch, 1, ..., 1] of that rank."""
        numbers = tf.cast(self._hashes(name, _BUCKETS), tf.float64) / _BUCKETS
        drawn = tf.cast(low + (high - low) * numbers, tf.float32)
        return tf.reshape(drawn, [-1, *[1] * (rank - 1)])

    def bernoulli(self, name: str, probability: float, rank: int = 1) -> tf.Tensor:
        """Draws True with a probability, per example: bool [batch, 1, ..., 1] of that rank."""
        return self.uniform(name, rank=rank) < probability

    def uniform_array(self, name: str, shape: tuple[int, ...]) -> tf.Tensor:
        """Draws independent numbers in [0, 1): float32 [batch, *shape]."""
        seeds = tf.stack([self._hashes(f"{name}.{half}", 2**62) for half in "ab"], axis=1)

        def draw(seed: tf.Tensor) -> tf.Tensor:
            return tf.random.stateless_uniform(shape, seed, alg="philox")

        return tf.map_fn(draw, seeds, fn_output_signature=tf.TensorSpec(shape, tf.float32))

    def _hashes(self, name: str, buckets: int) -> tf.Tensor:
        """Returns SipHash of key and name, salted with seed and epoch: int64 [batch]."""
        named = tf.strings.join([self._keys, name], separator="\0")
        return tf.strings.to_hash_bucket_strong(named, buckets, self._salt)
