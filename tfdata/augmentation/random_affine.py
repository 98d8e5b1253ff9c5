"""Random affine transformations of face images."""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation.stateless_random import StatelessRandom


def random_affine(
    images: tf.Tensor,
    rng: StatelessRandom,
    *,
    max_shift: float = 0.08,
    max_log_scale: float = 0.15,
    max_angle: float = 0.15,
) -> tf.Tensor:
    """Flips half of the images horizontally, and shifts, scales and rotates all, in one resampling.

    Pixels from outside of the image repeat its edge.

    Args:
      images: float32 [batch, height, width, 3].
      rng: random numbers of the batch.
      max_shift: as a fraction of the side.
      max_log_scale: natural logarithm of the scale.
      max_angle: radians.
    """
    height, width = images.shape[1:3]
    angle = rng.uniform("face.turn", -max_angle, max_angle)
    scale = tf.exp(rng.uniform("face.zoom", -max_log_scale, max_log_scale))
    flip = tf.where(rng.bernoulli("face.mirror", 0.5), -1.0, 1.0)
    shift_x = rng.uniform("face.right", -max_shift, max_shift) * width
    shift_y = rng.uniform("face.down", -max_shift, max_shift) * height
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    a, b = scale * tf.cos(angle) * flip, -scale * tf.sin(angle)
    c, d = scale * tf.sin(angle) * flip, scale * tf.cos(angle)
    zero = tf.zeros_like(angle)
    # The rows of a projective transformation from output to input coordinates.
    transforms = [
        *(a, b, centre_x - a * centre_x - b * centre_y + shift_x),
        *(c, d, centre_y - c * centre_x - d * centre_y + shift_y),
        *(zero, zero),
    ]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(transforms, axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
