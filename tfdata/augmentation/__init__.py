"""Augments batches of training examples; docs/explanation/models.md gives the reasons."""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation.additive_noise import additive_noise, random_equalizer
from tfdata.augmentation.color_jitter import color_jitter, random_downscale
from tfdata.augmentation.random_affine import random_affine
from tfdata.augmentation.random_erasing import random_erasing
from tfdata.augmentation.spec_augment import spec_augment, time_shift
from tfdata.augmentation.stateless_random import StatelessRandom
from tfdata.schema import IMAGE, SPECTROGRAM

__all__ = [
    "StatelessRandom",
    "additive_noise",
    "augment",
    "color_jitter",
    "random_affine",
    "random_downscale",
    "random_equalizer",
    "random_erasing",
    "spec_augment",
    "time_shift",
]


def augment(
    arrays: dict[str, tf.Tensor], rng: StatelessRandom, floor_db: float
) -> dict[str, tf.Tensor]:
    """Augments the images and spectrograms of a batch.

    Args:
      arrays: 'image' uint8 [batch, height, width, 3], 'spectrogram' uint8 [batch, bands, frames,
        1], or one of them.
      rng: random numbers of the batch.
      floor_db: of level 0, below a window's maximum.

    Returns:
      Arrays of the same names, shapes and type.
    """
    augmented = dict(arrays)
    if IMAGE in arrays:
        images = random_affine(tf.cast(arrays[IMAGE], tf.float32), rng)
        images = random_erasing(random_downscale(images, rng), rng)
        augmented[IMAGE] = _to_uint8(color_jitter(images, rng))
    if SPECTROGRAM in arrays:
        levels = time_shift(tf.cast(arrays[SPECTROGRAM], tf.float32), rng)
        levels = random_equalizer(levels, rng, floor_db=floor_db)
        levels = additive_noise(levels, rng, floor_db=floor_db)
        augmented[SPECTROGRAM] = _to_uint8(spec_augment(levels, rng))
    return augmented


def _to_uint8(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8)
