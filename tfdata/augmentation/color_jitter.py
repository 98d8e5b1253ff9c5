"""Random changes of the colours and of the resolution of face images."""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation.stateless_random import StatelessRandom


def color_jitter(
    images: tf.Tensor,
    rng: StatelessRandom,
    *,
    brightness: float = 50.0,
    contrast: float = 0.3,
    saturation: float = 1.0,
    tint: float = 0.15,
) -> tf.Tensor:
    """Changes brightness, contrast, saturation and white balance.

    Args:
      images: float32 [batch, height, width, 3], levels 0 to 255.
      rng: random numbers of the batch.
      brightness: largest offset, in levels.
      contrast: largest natural logarithm of the factor.
      saturation: largest decrease, as a fraction; the largest increase is a third of it.
      tint: largest change of each channel, as a fraction.
    """
    kept = rng.uniform("face.saturation", 1 - saturation, 1 + saturation / 3, rank=3)
    tints = [rng.uniform(f"face.tint.{i}", -tint, tint, rank=3) for i in range(3)]
    factor = tf.exp(rng.uniform("face.contrast", -contrast, contrast, rank=3))
    offset = rng.uniform("face.brightness", -brightness, brightness, rank=3)
    # One matrix and one offset for each image: four times as fast as one step after the other.
    colours = (1 - kept) / 3 + kept * tf.eye(3)  # towards grey, the mean of the channels, or away
    colours *= 1 + tf.concat(tints, axis=2) * tf.minimum(kept, 1.0)
    pixels = tf.reshape(images, [-1, images.shape[1] * images.shape[2], 3])
    mean = tf.reduce_mean(
        tf.reduce_mean(pixels, axis=1, keepdims=True) @ colours, axis=2, keepdims=True
    )
    jittered = pixels @ (colours * factor) + (mean * (1 - factor) + offset)
    return tf.reshape(jittered, [-1, *images.shape[1:]])


def random_downscale(
    images: tf.Tensor, rng: StatelessRandom, *, probability: float = 0.3
) -> tf.Tensor:
    """Reduces the resolution of some images to about 32 or 16 pixels a side.

    Each of the two resolutions has half of the probability, drawn independently. An image with
    fewer pixels does not change.
    """
    for pixels in (32, 16):
        chosen = tf.where(rng.bernoulli(f"face.defocus.{pixels}", probability / 2))
        downscaled = _downscaled(tf.gather_nd(images, chosen), pixels)
        images = tf.tensor_scatter_nd_update(images, chosen, downscaled)
    return images


def _downscaled(images: tf.Tensor, pixels: int) -> tf.Tensor:
    """Averages images down to a number of pixels a side, and resizes them back."""
    side = images.shape[1:3]
    step = max(1, side[0] // pixels)
    coarse = tf.nn.avg_pool2d(images, step, step, "SAME")
    padded = [step * cells for cells in coarse.shape[1:3]]  # size with the padding of the pooling
    return tf.image.resize_with_crop_or_pad(tf.image.resize(coarse, padded), *side)
