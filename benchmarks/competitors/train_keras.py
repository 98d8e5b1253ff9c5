"""Trains a model of this project with input from files or from memory.

All competitors train on equal batches, shuffled, and augmented if the model's recipe augments. The
input (`feed`) is 'files' (`tfdata.load`), 'memory' (batches prepared before the measurement) or
'augmented' (faces in memory that are augmented on the fly).
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import protocol
import tensorflow as tf
from read_common import synthetic_pairs
from read_facevoice import key_of, write

import tfdata
from facevoice.training.fit import SHUFFLE_BUFFER, configure_keras
from facevoice.training.recipes import OURS, Execution, Recipe
from models import MODELS, Inputs, build_model
from tfdata.augmentation import StatelessRandom, augment

Batch = tuple[Any, tf.Tensor]


class Training:
    """A model and its input, kept between rounds."""

    def __init__(self, folder: str, model: str, steps: int, feed: str) -> None:
        configure_keras(Execution())
        keras.utils.set_random_seed(0)
        manifest = tfdata.load_manifest(folder)
        people = len(manifest.people)
        inputs = Inputs(manifest.image_shape, (*manifest.spectrogram_shape, 1))
        self._model = build_model(model, inputs, people)
        recipe = OURS[model]
        assert isinstance(recipe, Recipe)
        self._model.compile(recipe.optimizer, keras.losses.CategoricalCrossentropy())
        options = tfdata.ReadOptions(
            recipe.batch_size,
            shuffle_buffer=SHUFFLE_BUFFER,
            augment=bool(recipe.augment),
            epochs=None,
        )
        if feed == "augmented":
            assert MODELS[model].modality == "image"
            plain = replace(options, augment=False, epochs=1)
            batches = augment_from_memory(
                tfdata.load(folder, "train", "image", plain), manifest, options
            )
        else:
            batches = tfdata.load(folder, "train", MODELS[model].modality, options)
        batches = batches.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))
        self._batches: Iterator[Batch] = iter(batches)
        if feed == "memory":
            self._batches = itertools.cycle(list(itertools.islice(self._batches, steps)))

    def run(self, steps: int) -> dict[str, Any]:
        """Trains for a number of steps; `wait_seconds` is the time spent waiting for batches."""
        wait_seconds, losses = 0.0, []
        started = time.perf_counter()
        for _ in range(steps):
            waiting_since = time.perf_counter()
            inputs, labels = next(self._batches)
            wait_seconds += time.perf_counter() - waiting_since
            losses.append(float(self._model.train_on_batch(inputs, labels)))
        seconds = time.perf_counter() - started
        return {"steps": steps, "seconds": seconds, "wait_seconds": wait_seconds, "losses": losses}


def augment_from_memory(
    batches: tf.data.Dataset, manifest: tfdata.Manifest, options: tfdata.ReadOptions
) -> tf.data.Dataset:
    """Reads all faces into memory; yields them augmented as in the first epoch, repeatedly."""
    images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    pairs = enumerate(synthetic_pairs(len(images), manifest.image_shape[0]))
    keys = {pair.image.tobytes(): key_of(number, pair) for number, pair in pairs}

    def augment_batch(images: tf.Tensor, keys: tf.Tensor, labels: tf.Tensor) -> Batch:
        draws = StatelessRandom(keys, options.seed, tf.constant(0, tf.int64))
        return augment({"image": images}, draws, manifest.features["floor_db"])["image"], labels

    image_keys = [keys[image.tobytes()] for image in images]
    dataset = tf.data.Dataset.from_tensor_slices((images, image_keys, labels))
    dataset = dataset.batch(options.batch_size)
    return dataset.map(augment_batch, tf.data.AUTOTUNE).repeat().prefetch(tf.data.AUTOTUNE)


@functools.lru_cache(maxsize=1)
def training(folder: str, model: str, steps: int, feed: str) -> Training:
    return Training(folder, model, steps, feed)


def train(folder: str, model: str, steps: int, feed: str) -> dict[str, Any]:
    return training(folder, model, steps, feed).run(steps)


def write_pairs(folder: str, count: int, image_size: int) -> dict[str, Any]:
    Path(folder).mkdir()
    write(Path(folder), count, image_size)
    return {}


if __name__ == "__main__":
    protocol.serve({"train": train, "write": write_pairs})
