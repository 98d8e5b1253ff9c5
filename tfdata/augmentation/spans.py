"""Stretches of an axis: what masks and covers have in common."""

from __future__ import annotations

import tensorflow as tf


def within(axis: int, size: int, start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Which places of an axis lie in a stretch of it: bool, to be set against [batch, a, b, c].

    A place counts by its middle, so that neither end of the axis is favoured.

    Args:
      axis: 1 or 2.
      size: of the axis.
      start, length: float32 [batch, 1, 1, 1], in places.
    """
    middle = tf.range(size, dtype=tf.float32) + 0.5
    place = tf.reshape(middle, [-1, 1, 1] if axis == 1 else [-1, 1])
    return (place >= start) & (place < start + length)
