"""What training changes about its examples, so that a model learns the person, not the picture.

The functions of `faces` and `voices` can be put together as one likes; `augment` is the house's
choice, which docs/models.md argues.
"""

from __future__ import annotations

import tensorflow as tf

from tfdata.augmentation import faces, voices
from tfdata.augmentation.stateless_random import Draws
from tfdata.schema import IMAGE, SPECTROGRAM

__all__ = ["Draws", "augment", "faces", "voices"]


def augment(arrays: dict[str, tf.Tensor], draws: Draws, floor_db: float) -> dict[str, tf.Tensor]:
    """A batch as it might have been recorded.

    Args:
      arrays: 'image' uint8 [batch, height, width, 3], 'spectrogram' uint8 [batch, bands, frames,
        1], or one of them.
      draws: of the batch's examples.
      floor_db: of level 0, below a window's maximum.

    Returns:
      The same arrays, changed.
    """
    changed = dict(arrays)
    if IMAGE in arrays:
        images = tf.cast(arrays[IMAGE], tf.float32)
        images = faces.cover(faces.defocus(faces.move(images, draws), draws), draws)
        changed[IMAGE] = _levels(faces.relight(images, draws))
    if SPECTROGRAM in arrays:
        levels = voices.shift_time(tf.cast(arrays[SPECTROGRAM], tf.float32), draws)
        levels = voices.recolour(levels, draws, floor_db=floor_db)
        levels = voices.add_noise(levels, draws, floor_db=floor_db)
        changed[SPECTROGRAM] = _levels(voices.mask(levels, draws))
    return changed


def _levels(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8)
