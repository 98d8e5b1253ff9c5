"""Random erasing of rectangles of face images."""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation.masks import interval_mask
from tfdata.augmentation.stateless_random import StatelessRandom


def random_erasing(
    images: tf.Tensor, rng: StatelessRandom, *, probability: float = 0.5, max_side: float = 0.7
) -> tf.Tensor:
    """Fills a rectangle of some images with a random grey (Zhong et al., 2020).

    Args:
      images: float32 [batch, height, width, 3], levels 0 to 255.
      rng: random numbers of the batch.
      probability: of an image to have a rectangle.
      max_side: largest side of the rectangle, as a fraction of the image's side.
    """
    height, width, channels = images.shape[1:]

    def mask(axis: int, side: int) -> tf.Tensor:
        length = rng.uniform(f"face.cover.length.{axis}", 0, max_side, rank=4) * side
        start = rng.uniform(f"face.cover.start.{axis}", rank=4) * (side - length)
        return interval_mask(axis, side, start, length)

    # The channels of a row are joined: an axis of size three takes six times as long.
    rows = tf.reshape(mask(1, height), [-1, height, 1])
    columns = tf.reshape(tf.repeat(mask(2, width), channels, axis=3), [-1, 1, width * channels])
    erased = rng.bernoulli("face.covered", probability, rank=3) & rows & columns
    grey = rng.uniform("face.cover.grey", 0, 255, rank=3)
    joined = tf.reshape(images, [-1, height, width * channels])
    return tf.reshape(tf.where(erased, grey, joined), [-1, *images.shape[1:]])
