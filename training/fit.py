"""Fitting a model to a data set, epoch by epoch, so that a killed run can go on."""

from __future__ import annotations

import contextlib
import csv
import math
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import tfdata
from models import MODELS, Inputs, build_model
from tfdata.schema import Manifest
from training.checkpoint import Checkpoint
from training.progress import Progress
from training.recipes import Execution, Recipe

SHUFFLE_BUFFER = 1000
WARM_UP_EPOCHS = 2  # of the cosine schedule
FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy")
MAX_SEED = 2**31


class TrainingError(Exception):
    """Training that cannot go on: one sentence."""


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
      model: with the weights of its best epoch.
      history: name of a figure to its value after each epoch; empty where experts were joined.
      best_epoch: counted from 1; 0 where experts were joined.
      seconds: that training took, that of experts included.
    """

    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int
    seconds: float


def fit(
    name: str,
    data_dir: Path,
    manifest: Manifest,
    recipe: Recipe,
    execution: Execution,
    run_dir: Path,
) -> Fitted:
    """Trains a model from where its run folder has come to; writes `history.csv` and TensorBoard.

    Each epoch's order and dropout are drawn from (seed, epoch) alone, and operations that could
    give other sums on another day are not used, so a run that was taken up again ends, on one
    machine, with the very weights of one that was not interrupted.

    Raises:
      TrainingError: the loss stops being a number.
      DatasetError, ModelError: the data set or the model do not allow it.
    """
    tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy("mixed_float16" if execution.mixed_precision else "float32")
    checkpoint = Checkpoint(run_dir)
    progress = checkpoint.read_progress() or Progress()
    mirrored = execution.strategy == "mirrored"
    with tf.distribute.MirroredStrategy().scope() if mirrored else contextlib.nullcontext():
        if progress.epoch:
            model = checkpoint.load_model(progress)
        else:
            keras.utils.set_random_seed(recipe.seed)
            model = _compiled(name, manifest, recipe, execution)
    modality = MODELS[name].modality
    stored = tfdata.ReadOptions(recipe.batch_size)
    people = len(manifest.people)
    validation = _one_hot(tfdata.load(data_dir, "validation", modality, stored), people)
    while not progress.is_done(recipe):
        started = time.monotonic()
        seed = seed_of_epoch(recipe.seed, progress.epoch)
        keras.utils.set_random_seed(seed)
        _seed_dropout(model, seed)
        shuffled = tfdata.ReadOptions(
            batch_size=recipe.batch_size,
            shuffle_buffer=SHUFFLE_BUFFER,
            seed=recipe.seed,
            epoch=progress.epoch,
            augment=recipe.augment,
        )
        figures = model.fit(
            _one_hot(tfdata.load(data_dir, "train", modality, shuffled), people),
            validation_data=validation,
            initial_epoch=progress.epoch,
            epochs=progress.epoch + 1,
            shuffle=False,  # the input function does
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                keras.callbacks.TensorBoard(str(run_dir / "tensorboard")),
            ],
            verbose=1 if sys.stdout.isatty() else 2,
        ).history
        if not math.isfinite(figures["loss"][-1]):
            raise TrainingError(
                f"The loss is not a number in epoch {progress.epoch + 1}; try a smaller "
                f"--learning_rate than {recipe.learning_rate:g}."
            )
        latest = {figure: float(figures[figure][-1]) for figure in FIGURES}
        progress = progress.after(latest, recipe.watch, time.monotonic() - started)
        checkpoint.save(model, progress)
        _write_history(run_dir / "history.csv", progress)
    checkpoint.load_best_weights(model, progress)
    return Fitted(model, dict(progress.history), progress.best_epoch, progress.seconds)


def seed_of_epoch(seed: int, epoch: int) -> int:
    """What one epoch of a run draws from."""
    return (seed * 1_000_003 + epoch) % MAX_SEED


def _compiled(name: str, manifest: Manifest, recipe: Recipe, execution: Execution) -> keras.Model:
    inputs = Inputs(manifest.image_shape, (*manifest.spectrogram_shape, 1))
    model = build_model(name, inputs, classes=len(manifest.people))
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        steps_an_epoch = recipe.steps_an_epoch(manifest.splits["train"].pairs)
        rising = steps_an_epoch * min(WARM_UP_EPOCHS, recipe.epochs - 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps_an_epoch * recipe.epochs - rising, warmup_target=rate, warmup_steps=rising
        )
    optimizers = {
        "adam": keras.optimizers.Adam,
        "adamw": partial(keras.optimizers.AdamW, weight_decay=recipe.weight_decay),
        "sgd": keras.optimizers.SGD,
    }
    optimizer = optimizers[recipe.optimizer](rate)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=execution.jit_compile,
    )
    return model


def _one_hot(examples: tf.data.Dataset, people: int) -> tf.data.Dataset:
    """Labels as probabilities, which can be smoothed."""
    return examples.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))


def _seed_dropout(model: keras.Model, seed: int) -> None:
    """Sets what dropout draws from; a saved model does not keep it."""
    states = [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign([seed, number << 32])


def _write_history(path: Path, progress: Progress) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["epoch", *progress.history])
        columns = zip(*progress.history.values(), strict=True)
        rows.writerows([epoch, *values] for epoch, values in enumerate(columns, 1))
