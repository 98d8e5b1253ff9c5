"""Trains a model of this project, step by step, fed by `tfdata.load` or from memory.

All are fed the very same batches, shuffled, and augmented if the model's recipe has it so. What
feeds is 'files' (`tfdata.load`), 'memory' (batches that were finished before the time runs) or
'augmented' (faces in memory, which are augmented as they are asked for).
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import contest
import keras
import numpy as np
import tensorflow as tf
from read_facevoice import key_of, write
from reading import made_pairs

import tfdata
from facevoice.training.fit import SHUFFLE_BUFFER, prepare
from facevoice.training.recipes import OURS, Execution, Recipe
from models import MODELS, Inputs, build_model
from tfdata.augmentation import StatelessRandom, augment

Batch = tuple[Any, tf.Tensor]


class Training:
    """A model and what feeds it, in between two rounds of steps."""

    def __init__(self, folder: str, model: str, steps: int, feed: str) -> None:
        prepare(Execution())
        keras.utils.set_random_seed(0)
        manifest = tfdata.load_manifest(folder)
        people = len(manifest.people)
        inputs = Inputs(manifest.image_shape, (*manifest.spectrogram_shape, 1))
        self._model = build_model(model, inputs, people)
        recipe = OURS[model]
        assert isinstance(recipe, Recipe)
        self._model.compile(recipe.optimizer, keras.losses.CategoricalCrossentropy())
        options = tfdata.ReadOptions(
            recipe.batch_size, shuffle_buffer=SHUFFLE_BUFFER, augment=recipe.augment, epochs=None
        )
        if feed == "augmented":
            assert MODELS[model].modality == "image"
            plain = replace(options, augment=False, epochs=1)
            batches = augmented(tfdata.load(folder, "train", "image", plain), manifest, options)
        else:
            batches = tfdata.load(folder, "train", MODELS[model].modality, options)
        batches = batches.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))
        self._batches: Iterator[Batch] = iter(batches)
        if feed == "memory":
            self._batches = itertools.cycle(list(itertools.islice(self._batches, steps)))

    def go_on(self, steps: int) -> dict[str, Any]:
        """Takes steps; `wait_seconds` is the part of `seconds` in which there was no batch."""
        wait_seconds, losses = 0.0, []
        started = time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            inputs, answers = next(self._batches)
            wait_seconds += time.perf_counter() - asked
            losses.append(float(self._model.train_on_batch(inputs, answers)))
        seconds = time.perf_counter() - started
        return {"steps": steps, "seconds": seconds, "wait_seconds": wait_seconds, "losses": losses}


def augmented(
    batches: tf.data.Dataset, manifest: tfdata.Manifest, options: tfdata.ReadOptions
) -> tf.data.Dataset:
    """Faces that are read once, now, and augmented again and again as in the first epoch."""
    images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    pairs = enumerate(made_pairs(len(images), manifest.image_shape[0]))
    keys = {pair.image.tobytes(): key_of(number, pair) for number, pair in pairs}

    def change(images: tf.Tensor, keys: tf.Tensor, labels: tf.Tensor) -> Batch:
        draws = StatelessRandom(keys, options.seed, tf.constant(0, tf.int64))
        return augment({"image": images}, draws, manifest.features["floor_db"])["image"], labels

    found = [keys[image.tobytes()] for image in images]
    dataset = tf.data.Dataset.from_tensor_slices((images, found, labels)).batch(options.batch_size)
    return dataset.map(change, tf.data.AUTOTUNE).repeat().prefetch(tf.data.AUTOTUNE)


@functools.lru_cache(maxsize=1)
def training(folder: str, model: str, steps: int, feed: str) -> Training:
    return Training(folder, model, steps, feed)


def take_steps(folder: str, model: str, steps: int, feed: str) -> dict[str, Any]:
    return training(folder, model, steps, feed).go_on(steps)


def write_pairs(folder: str, count: int, image_size: int) -> dict[str, Any]:
    Path(folder).mkdir()
    write(Path(folder), count, image_size)
    return {}


if __name__ == "__main__":
    contest.serve({"train": take_steps, "write": write_pairs})
