"""Fitting a model to a data set, epoch by epoch, so that a killed run can go on."""

from __future__ import annotations

import contextlib
import math
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import tfdata
from facevoice.training.callbacks import Keeper
from facevoice.training.checkpoint import Checkpoint
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import Execution, Recipe
from facevoice.training.train_state import Progress
from models import MODELS, Inputs, build_model
from tfdata.manifest import Manifest

SHUFFLE_BUFFER = 1000
WARM_UP_EPOCHS = 2  # of the cosine schedule
CHECKPOINT_STEPS = 1000  # a few minutes on two cores


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
    checkpoint_steps: int = CHECKPOINT_STEPS,
) -> Fitted:
    """Trains a model from where its run folder has come to; writes `history.csv` and TensorBoard.

    Order, augmentation and dropout are drawn from (seed, epoch) alone, and operations that could
    give other sums on another day are not used, so a run that was taken up again ends, on one
    machine, with the very weights of one that was not interrupted. Its state is kept after each
    epoch and, within one, every `checkpoint_steps` steps. What a tf.data service reads has no such
    order, and ends with other weights each time.

    Raises:
      TrainingError: the loss stops being a number, a GPU would get no examples, or the run's
        state cannot be kept or read.
      DatasetError, ModelError: the data set or the model do not allow it.
    """
    prepare(execution)
    checkpoint = Checkpoint(run_dir)
    progress = checkpoint.read_progress() or Progress()
    strategy = tf.distribute.MirroredStrategy() if execution.strategy == "mirrored" else None
    if strategy:
        _check_shares(manifest, recipe.batch_size, strategy.num_replicas_in_sync)
    with strategy.scope() if strategy else contextlib.nullcontext():
        keras.utils.set_random_seed(recipe.seed)
        model = _compiled(name, manifest, recipe, execution)
        if progress.epoch or progress.step:
            checkpoint.restore(model, progress)
    modality = MODELS[name].modality
    people, pairs = len(manifest.people), manifest.splits["train"].pairs
    stored = tfdata.ReadOptions(recipe.batch_size)
    shuffled = replace(
        stored, shuffle_buffer=SHUFFLE_BUFFER, seed=recipe.seed, augment=recipe.augment
    )
    keeper = Keeper(run_dir, progress, recipe, pairs, checkpoint_steps)
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        keeper,
        keras.callbacks.TensorBoard(str(run_dir / "tensorboard")),
    ]

    def go_on(last_epoch: int, options: tfdata.ReadOptions, steps: int) -> None:
        train, validation = (
            _one_hot(tfdata.load(data_dir, split, modality, given, manifest=manifest), people)
            for split, given in (("train", options), ("validation", stored))
        )
        model.fit(
            train,
            validation_data=validation,
            initial_epoch=keeper.progress.epoch,
            epochs=last_epoch,
            steps_per_epoch=steps,
            shuffle=False,  # the input function does
            callbacks=callbacks,
            verbose=1 if sys.stdout.isatty() else 2,
        )

    steps = recipe.steps_an_epoch(pairs)
    endless = replace(shuffled, epochs=None, service=execution.service)
    if progress.step:  # the rest of the epoch in which the run was killed
        skipped = progress.step * recipe.batch_size
        rest = replace(shuffled, epoch=progress.epoch, skip=skipped)
        if execution.service:  # which has no order to go on in
            rest = replace(endless, epoch=progress.epoch)
        go_on(progress.epoch + 1, rest, steps - progress.step)
    if not keeper.progress.is_done(recipe):
        go_on(recipe.epochs, replace(endless, epoch=keeper.progress.epoch), steps)
    progress = keeper.progress
    checkpoint.load_best_weights(model, progress)
    return Fitted(model, dict(progress.history), progress.best_epoch, progress.seconds)


def prepare(execution: Execution) -> None:
    """Sets what holds for all models that a program builds from here on."""
    tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy("mixed_float16" if execution.mixed_precision else "float32")


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


def _check_shares(manifest: Manifest, batch_size: int, replicas: int) -> None:
    """Refuses a last batch of which a replica would get nothing: its step would fail."""
    for name in ("train", "validation"):
        last = manifest.splits[name].pairs % batch_size or batch_size
        if last <= math.ceil(last / replicas) * (replicas - 1):
            raise TrainingError(
                f"The last batch of the {name} split has {last} pairs, which leaves one of "
                f"{replicas} GPUs without any; use another --batch_size than {batch_size}."
            )


def _one_hot(examples: tf.data.Dataset, people: int) -> tf.data.Dataset:
    """Labels as probabilities, which can be smoothed."""
    return examples.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))
