"""Augments one example as training does; imports TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facevoice.inspection.examples import StoredExample
from tfdata.augmentation import StatelessRandom, augment
from tfdata.schema import IMAGE, SPECTROGRAM

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def augmented_pairs(
    example: StoredExample, seed: int, epochs: Sequence[int], floor_db: float
) -> list[Pair]:
    """Augments an example with the random numbers of some epochs of training.

    Args:
      example: the example.
      seed: of the training.
      epochs: counted from 0.
      floor_db: level of the value 0 of a spectrogram, dB.

    Returns:
      The face image and the spectrogram [bands, frames] of each epoch.
    """
    arrays = {
        IMAGE: tf.constant(example.image[None]),
        SPECTROGRAM: tf.constant(example.spectrogram[None, ..., None]),
    }
    found = []
    for epoch in epochs:
        changed = augment(
            arrays, StatelessRandom(tf.constant([example.key]), seed, epoch), floor_db
        )
        found.append((changed[IMAGE].numpy()[0], changed[SPECTROGRAM].numpy()[0, ..., 0]))
    return found
