"""Faces as they might have been taken: float32 [batch, height, width, 3], levels 0 to 255.

Each function changes every example by draws of its own, and keeps the shape.
"""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation.spans import within
from tfdata.augmentation.stateless_random import Draws


def move(
    images: tf.Tensor,
    draws: Draws,
    *,
    shift: float = 0.08,
    zoom: float = 0.15,
    turn: float = 0.15,
) -> tf.Tensor:
    """Mirrors half of the faces, and shifts, zooms and turns all of them, in one resampling.

    Args:
      images: see above.
      draws: of the batch.
      shift: at most, as a fraction of the side.
      zoom: at most, as a natural logarithm of the scale.
      turn: at most, radians.
    """
    height, width = images.shape[1:3]
    angle = draws.uniform("face.turn", -turn, turn)
    scale = tf.exp(draws.uniform("face.zoom", -zoom, zoom))
    mirror = tf.where(draws.chosen("face.mirror", 0.5), -1.0, 1.0)
    right = draws.uniform("face.right", -shift, shift) * width
    down = draws.uniform("face.down", -shift, shift) * height
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    a, b = scale * tf.cos(angle) * mirror, -scale * tf.sin(angle)
    c, d = scale * tf.sin(angle) * mirror, scale * tf.cos(angle)
    nothing = tf.zeros_like(angle)
    # Rows of a projective map from places of the result to places of the picture.
    maps = [
        *(a, b, middle_x - a * middle_x - b * middle_y + right),
        *(c, d, middle_y - c * middle_x - d * middle_y + down),
        *(nothing, nothing),
    ]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(maps, axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def relight(
    images: tf.Tensor,
    draws: Draws,
    *,
    brightness: float = 50.0,
    contrast: float = 0.3,
    saturation: float = 1.0,
    tint: float = 0.15,
) -> tf.Tensor:
    """Another light and another camera.

    Args:
      images: see above.
      draws: of the batch.
      brightness: added, levels at most.
      contrast: at most, as a natural logarithm of the factor.
      saturation: largest share of the colour that is taken away; a third of it is added at most.
      tint: of each colour, at most, as a share of it.
    """
    kept = draws.uniform("face.saturation", 1 - saturation, 1 + saturation / 3, rank=3)
    tints = [draws.uniform(f"face.tint.{i}", -tint, tint, rank=3) for i in range(3)]
    factor = tf.exp(draws.uniform("face.contrast", -contrast, contrast, rank=3))
    added = draws.uniform("face.brightness", -brightness, brightness, rank=3)
    # All of it is one matrix and one number for each picture: four times as fast as step by step.
    colours = (1 - kept) / 3 + kept * tf.eye(3)  # towards grey, the mean of the three, or away
    colours *= 1 + tf.concat(tints, axis=2) * tf.minimum(kept, 1.0)
    pixels = tf.reshape(images, [-1, images.shape[1] * images.shape[2], 3])
    mean = tf.reduce_mean(
        tf.reduce_mean(pixels, axis=1, keepdims=True) @ colours, axis=2, keepdims=True
    )
    relit = pixels @ (colours * factor) + (mean * (1 - factor) + added)
    return tf.reshape(relit, [-1, *images.shape[1:]])


def defocus(images: tf.Tensor, draws: Draws, *, share: float = 0.3) -> tf.Tensor:
    """Takes the detail out of some faces.

    Half of `share` of them lose what is smaller than a 32nd of their side, and half of it, drawn
    apart, what is smaller than a 16th. A picture of fewer pixels has nothing to lose.
    """
    for places in (32, 16):
        chosen = tf.where(draws.chosen(f"face.defocus.{places}", share / 2))
        blurred = _without_detail(tf.gather_nd(images, chosen), places)
        images = tf.tensor_scatter_nd_update(images, chosen, blurred)
    return images


def _without_detail(images: tf.Tensor, places: int) -> tf.Tensor:
    """What is left of pictures when each of so many places along a side has one colour."""
    side = images.shape[1:3]
    step = max(1, side[0] // places)
    coarse = tf.nn.avg_pool2d(images, step, step, "SAME")
    whole = [step * cells for cells in coarse.shape[1:3]]  # with the pooling's padding
    return tf.image.resize_with_crop_or_pad(tf.image.resize(coarse, whole), *side)


def cover(
    images: tf.Tensor, draws: Draws, *, share: float = 0.5, largest: float = 0.7
) -> tf.Tensor:
    """Hides a rectangle of a share of the faces under a grey (random erasing; Zhong, 2020).

    `largest`: of either side, as a fraction of the picture's.
    """
    height, width, channels = images.shape[1:]

    def hidden(axis: int, side: int) -> tf.Tensor:
        length = draws.uniform(f"face.cover.length.{axis}", 0, largest, rank=4) * side
        start = draws.uniform(f"face.cover.start.{axis}", rank=4) * (side - length)
        return within(axis, side, start, length)

    # Channels lie side by side in a row here: an axis of three takes six times as long.
    rows = tf.reshape(hidden(1, height), [-1, height, 1])
    columns = tf.reshape(tf.repeat(hidden(2, width), channels, axis=3), [-1, 1, width * channels])
    inside = draws.chosen("face.covered", share, rank=3) & rows & columns
    grey = draws.uniform("face.cover.grey", 0, 255, rank=3)
    beside = tf.reshape(images, [-1, height, width * channels])
    return tf.reshape(tf.where(inside, grey, beside), [-1, *images.shape[1:]])
