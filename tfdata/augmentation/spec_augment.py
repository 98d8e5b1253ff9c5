"""Time shifts and masks of spectrograms."""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation.masks import interval_mask
from tfdata.augmentation.stateless_random import StatelessRandom


def time_shift(levels: tf.Tensor, rng: StatelessRandom) -> tf.Tensor:
    """Rotates each spectrogram in time by a random number of frames.

    Args:
      levels: float32 [batch, bands, frames, 1].
      rng: random numbers of the batch.
    """
    frames = levels.shape[2]
    start = tf.cast(rng.uniform("voice.start", 0, frames, rank=2), tf.int32)
    indices = (tf.range(frames)[None] + start) % frames
    rolled = tf.gather(tf.transpose(levels, [0, 2, 1, 3]), indices, batch_dims=1)
    return tf.transpose(rolled, [0, 2, 1, 3])


def spec_augment(
    levels: tf.Tensor,
    rng: StatelessRandom,
    *,
    masks: int = 2,
    max_bands: float = 0.1,
    max_frames: float = 0.2,
) -> tf.Tensor:
    """Sets random bands and frames to the mean level (SpecAugment; Park et al., 2019).

    Args:
      levels: float32 [batch, bands, frames, 1].
      rng: random numbers of the batch.
      masks: number of masks of bands, and of masks of frames.
      max_bands, max_frames: largest size of a mask, as a fraction of all bands or frames.
    """
    mean = tf.reduce_mean(levels, axis=(1, 2, 3), keepdims=True)
    for axis, max_size in ((1, max_bands), (2, max_frames)):
        size = levels.shape[axis]
        for i in range(masks):
            width = rng.uniform(f"voice.mask.{axis}.{i}.width", 0, max_size, rank=4) * size
            start = rng.uniform(f"voice.mask.{axis}.{i}.start", rank=4) * (size - width)
            levels = tf.where(interval_mask(axis, size, start, width), mean, levels)
    return levels
