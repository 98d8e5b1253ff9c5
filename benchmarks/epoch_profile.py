"""CPU time of a training epoch of each model, by what it is spent on.

    python benchmarks/epoch_profile.py DATASET [--models resnet_image resnet_audio]

A model is trained by its recipe for three epochs, whose validations and checkpoints are timed, and
then with batches from memory, which gives the time of its steps. Reading and augmentation are timed
by iterating without a model. The rest is what remains of an epoch: callbacks, and whatever else
Keras and TensorFlow do between steps. All times are CPU times of all threads; each is the less of
two epochs', after a first that compiles. CPU times grow with the load of the machine, so small
differences, and the rest, mean something on a quiet one only. Models on embeddings need a dataset
with embeddings. A product of experts is trained in no epochs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import keras
import tensorflow as tf

import facevoice.training.fit as training
import tfdata
from facevoice.training.callbacks import CheckpointCallback
from facevoice.training.recipes import OURS, Execution, Recipe
from models import MODELS
from tfdata.command_line import Parser, run
from tfdata.manifest import Manifest

EPOCHS = 3
TRAINED = [name for name, recipe in OURS.items() if isinstance(recipe, Recipe)]
COLUMNS = ("reading", "augmentation", "steps", "validation", "checkpoint")


class TimedCallback(CheckpointCallback):
    """Records the CPU time of the parts of each epoch and of the whole, in seconds."""

    spent: ClassVar[dict[str, list[float]]]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch_began = time.process_time()
        super().on_epoch_begin(epoch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        self._test_began = time.process_time()

    def on_test_end(self, logs: Any = None) -> None:
        self.spent["validation"].append(time.process_time() - self._test_began)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        began = time.process_time()
        super().on_epoch_end(epoch, logs)
        ended = time.process_time()
        self.spent["checkpoint"].append(ended - began)
        self.spent["epoch"].append(ended - self._epoch_began)


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="directory of the dataset")
    parser.add_argument(
        "--models",
        nargs="+",
        choices=TRAINED,
        default=TRAINED,
        metavar="NAME",
        help=f"models to measure, of {', '.join(TRAINED)} (default: all)",
    )
    arguments = parser.parse(None)
    return run(lambda: measure(arguments.dataset, arguments.models))


def measure(dataset: Path, models: list[str]) -> None:
    """Prints a row for each model."""
    manifest = tfdata.load_manifest(dataset)
    pairs = manifest.splits["train"].pairs
    print(f"{pairs} training and {manifest.splits['validation'].pairs} validation pairs\n")
    print(f"| CPU s | epoch | {' | '.join(COLUMNS)} | rest |\n{'|---' * (len(COLUMNS) + 3)}|")
    for name in models:
        spent = profile(name, dataset, manifest)
        rest = spent["epoch"] - sum(spent[column] for column in COLUMNS)
        figures = [spent["epoch"], *(spent[column] for column in COLUMNS), rest]
        print(f"| `{name}` | {' | '.join(f'{x:.2f}' for x in figures)} |", flush=True)


def profile(name: str, dataset: Path, manifest: Manifest) -> dict[str, float]:
    """Returns the CPU seconds of an epoch and of its parts."""
    keras.backend.clear_session()
    TimedCallback.spent = defaultdict(list)
    recipe = OURS[name]
    assert isinstance(recipe, Recipe)
    recipe = replace(recipe, epochs=EPOCHS, patience=None)
    timed = mock.patch.object(training, "CheckpointCallback", TimedCallback)
    with timed, redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        model = training.fit(name, dataset, manifest, recipe, Execution(), Path(folder)).model
    steps = recipe.steps_per_epoch(manifest.splits["train"].pairs)
    options = tfdata.ReadOptions(
        recipe.batch_size, shuffle_buffer=training.SHUFFLE_BUFFER, epochs=None
    )

    def batches(augment: bool) -> tf.data.Dataset:
        read = replace(options, augment=augment)
        return tfdata.load(dataset, "train", MODELS[name].reads, read, manifest=manifest)

    reading = iteration(batches(augment=False), steps)
    augmenting = iteration(batches(augment=True), steps) - reading if recipe.augment else 0.0
    people = len(manifest.people)
    in_memory = batches(augment=False).take(steps).cache().repeat()
    in_memory = in_memory.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))
    passes = []
    for _ in range(2):
        began = time.process_time()
        model.fit(in_memory, steps_per_epoch=steps, shuffle=False, verbose=0)
        passes.append(time.process_time() - began)
    spent = {"reading": reading, "augmentation": augmenting, "steps": min(passes)}
    return spent | {part: min(times[1:]) for part, times in TimedCallback.spent.items()}


def iteration(batches: tf.data.Dataset, steps: int) -> float:
    """Returns the CPU seconds of an epoch of an endless dataset, without a model."""
    iterator = iter(batches)
    passes = []
    for _ in range(EPOCHS):
        began = time.process_time()
        for _ in range(steps):
            next(iterator)
        passes.append(time.process_time() - began)
    return min(passes[1:])


if __name__ == "__main__":
    raise SystemExit(main())
