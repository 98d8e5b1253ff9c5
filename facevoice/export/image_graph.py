"""Crops and resizes a face image in TensorFlow's graph, as `crop_centre` does with Pillow.

Pillow resizes in two passes, first along the width and then along the height, and rounds to 8 bits
after each (https://github.com/python-pillow/Pillow, src/libImaging/Resample.c). A pass is a product
with a matrix of weights, so the graph needs no resize operation: those of TensorFlow, LiteRT and
ONNX have other kernels and other rounding.
"""

from __future__ import annotations

import math

import tensorflow as tf

from facevoice.features import FeatureSettings

LANCZOS_LOBES = 3.0  # the kernel is zero from this many pixels on


def crop_and_resize(pixels: tf.Tensor, settings: FeatureSettings) -> tf.Tensor:
    """Returns the centred square of `face_crop` times the shorter side: uint8 [size, size, 3].

    Args:
      pixels: uint8 [height, width, 3], upright, RGB, of any size.
      settings: size and crop.
    """
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    side = tf.cast(tf.minimum(height, width), tf.float32) * settings.face_crop
    size = settings.image_size
    levels = tf.cast(pixels, tf.float32)
    # [width, height, 3] and then [height, columns, 3]: the axis that is resized comes first.
    columns = _resized(tf.transpose(levels, (1, 0, 2)), width, side, size)
    rows = _resized(tf.transpose(columns, (1, 0, 2)), height, side, size)
    return tf.cast(rows, tf.uint8)


def _resized(levels: tf.Tensor, length: tf.Tensor, side: tf.Tensor, size: int) -> tf.Tensor:
    """Resizes the centre of the first axis, and rounds to whole levels from 0 to 255.

    Args:
      levels: float32 [length, other, 3].
      length: int32.
      side: length of the centre that is resized, in pixels.
      size: new length.

    Returns:
      float32 [size, other, 3].
    """
    other = tf.shape(levels)[1]
    flat = tf.reshape(levels, tf.stack([length, other * 3]))
    resized = tf.matmul(lanczos_weights(length, side, size), flat)
    rounded = tf.clip_by_value(tf.floor(resized + 0.5), 0.0, 255.0)
    return tf.reshape(rounded, tf.stack([size, other, 3]))


def lanczos_weights(length: tf.Tensor, side: tf.Tensor, size: int) -> tf.Tensor:
    """Returns Pillow's weights (`precompute_coeffs`), float32 [size, length].

    Args:
      length: int32, number of pixels.
      side: length of the centre that is resized, in pixels.
      size: number of pixels of the result.
    """
    scale = side / size
    stretch = tf.maximum(scale, 1.0)  # the kernel is widened against aliasing, never narrowed
    support = LANCZOS_LOBES * stretch
    first = (tf.cast(length, tf.float32) - side) / 2
    centres = (first + (tf.range(size, dtype=tf.float32) + 0.5) * scale)[:, None]
    pixels = tf.cast(tf.range(length), tf.float32)[None]
    inside = tf.logical_and(
        pixels >= tf.floor(centres - support + 0.5), pixels < tf.floor(centres + support + 0.5)
    )
    x = (pixels + 0.5 - centres) / stretch
    inside = tf.logical_and(inside, tf.abs(x) < LANCZOS_LOBES)
    weights = tf.where(inside, _sinc(x) * _sinc(x / LANCZOS_LOBES), tf.zeros_like(x))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _sinc(x: tf.Tensor) -> tf.Tensor:
    is_zero = tf.abs(x) < 1e-8
    angle = tf.where(is_zero, tf.ones_like(x), x) * math.pi
    return tf.where(is_zero, tf.ones_like(x), tf.sin(angle) / angle)
