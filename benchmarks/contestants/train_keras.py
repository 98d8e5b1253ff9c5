"""Trains a model of this project, step by step, fed by `tfdata.load` or from memory.

Both are fed the very same batches, shuffled, and augmented if the model's recipe has it so. From
memory they come at no cost: they were made before the time runs.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contest
import keras
import tensorflow as tf
from read_facevoice import write

import tfdata
from models import MODELS, Inputs, build_model
from training.fit import SHUFFLE_BUFFER, prepare
from training.recipes import OURS, Execution, Recipe

Batch = tuple[Any, tf.Tensor]


class Training:
    """A model and what feeds it, in between two rounds of steps."""

    def __init__(self, folder: str, model: str, steps: int, *, from_memory: bool) -> None:
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
        batches = tfdata.load(folder, "train", MODELS[model].modality, options)
        batches = batches.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))
        self._batches: Iterator[Batch] = iter(batches)
        if from_memory:
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


@functools.lru_cache(maxsize=1)
def training(folder: str, model: str, steps: int, from_memory: bool) -> Training:
    return Training(folder, model, steps, from_memory=from_memory)


def take_steps(folder: str, model: str, steps: int, from_memory: bool) -> dict[str, Any]:
    return training(folder, model, steps, from_memory).go_on(steps)


def write_pairs(folder: str, count: int, image_size: int) -> dict[str, Any]:
    Path(folder).mkdir()
    write(Path(folder), count, image_size)
    return {}


if __name__ == "__main__":
    contest.serve({"train": take_steps, "write": write_pairs})
