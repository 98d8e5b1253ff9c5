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
    # The rows of an affine transformation from output to input coordinates.
    rows = [
        [a, b, centre_x - a * centre_x - b * centre_y + shift_x],
        [c, d, centre_y - c * centre_x - d * centre_y + shift_y],
    ]
    return resampled(images, tf.transpose(tf.stack(rows), [2, 0, 1]))


# TensorFlow's ImageProjectiveTransformV3 takes three times the CPU time: it finds the four pixels
# for each channel again.
@tf.function(jit_compile=True)
def resampled(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Samples images bilinearly, with repeated edges.

    Args:
      images: float32 [batch, height, width, channels].
      transforms: float32 [batch, 2, 3], from (x, y, 1) of the output to (x, y) of the input.
    """
    height, width, channels = images.shape[1:]
    x = tf.range(width, dtype=tf.float32)
    y = tf.range(height, dtype=tf.float32)[:, None]
    rows = transforms[:, :, :, None, None]
    input_x, input_y = (
        tf.clip_by_value(row[:, 0] * x + row[:, 1] * y + row[:, 2], 0, side - 1)
        for row, side in ((rows[:, 0], width), (rows[:, 1], height))
    )
    left, top = tf.floor(input_x), tf.floor(input_y)
    right, bottom = tf.minimum(left + 1, width - 1), tf.minimum(top + 1, height - 1)
    pixels = tf.reshape(images, [-1, height * width, channels])

    def at(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.gather(pixels, tf.cast(y * width + x, tf.int32), batch_dims=1)

    along_x, along_y = (input_x - left)[..., None], (input_y - top)[..., None]
    upper = at(left, top) * (1 - along_x) + at(right, top) * along_x
    lower = at(left, bottom) * (1 - along_x) + at(right, bottom) * along_x
    return upper * (1 - along_y) + lower * along_y
