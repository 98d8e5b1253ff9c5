"""Masks of random intervals, for random erasing and SpecAugment."""

from __future__ import annotations

import tensorflow as tf


def interval_mask(axis: int, size: int, start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns which positions of an axis are in an interval, as a bool tensor of rank 4.

    The centre of a position decides, so that all positions are equally likely to be masked.

    Args:
      axis: 1 or 2, of [batch, a, b, c].
      size: of the axis.
      start, length: float32 [batch, 1, 1, 1], in positions.

    Returns:
      bool [batch, size, 1, 1] or [batch, 1, size, 1].
    """
    centre = tf.range(size, dtype=tf.float32) + 0.5
    position = tf.reshape(centre, [-1, 1, 1] if axis == 1 else [-1, 1])
    return (position >= start) & (position < start + length)
