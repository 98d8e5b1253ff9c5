"""Random numbers, faces and voices of the tests of augmentation."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from tfdata.augmentation import StatelessRandom, additive_noise, random_equalizer

FLOOR_DB = -80.0
KEYS = [f"person/video/{i}" for i in range(20_000)]

noise = functools.partial(additive_noise, floor_db=FLOOR_DB)
equalize = functools.partial(random_equalizer, floor_db=FLOOR_DB)


class InGraph(StatelessRandom):
    """Draws arrays in a graph, as reading does: outside of one, an example takes milliseconds."""

    def uniform_array(self, name, shape):
        return tf.function(super().uniform_array, autograph=False)(name, shape)


def draws_of(count, seed=0, epoch=0):
    return InGraph(tf.constant(KEYS[:count]), seed, epoch)


def some_faces(count=64, height=24, width=24):
    shape = (count, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def some_voices(count=64, bands=20, frames=31):
    """Each with a maximum of 255, as in a dataset."""
    levels = np.random.default_rng(0).integers(0, 200, (count, bands, frames, 1))
    levels[:, bands // 2, frames // 2] = 255
    return levels.astype(np.float32)
