"""Fits a model to a dataset, with checkpoints from which an interrupted run resumes."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfdata
from facevoice import plugins
from facevoice.training.callbacks import CheckpointCallback
from facevoice.training.checkpoint import Checkpoint, cannot_be_written
from facevoice.training.errors import TrainingError
from facevoice.training.progress_bar import ProgressBar, in_notebook
from facevoice.training.recipes import Execution, Recipe
from facevoice.training.schedules import find_schedule
from facevoice.training.train_state import Progress
from models import MODELS, Inputs, build_model
from models.margin_loss import AdditiveMarginLoss
from tfdata.importing import one_line
from tfdata.interrupts import Deferred, deferred
from tfdata.manifest import Manifest
from tfdata.text import counted

SHUFFLE_BUFFER = 1000
LOGS_NAME = "tensorboard"
FULL_BYTES = 4096  # free space of a full disk
CHECKPOINT_STEPS = 1000  # takes a few minutes on two cores


@dataclass(frozen=True)
class TrainedModel:
    """A trained model and its training history.

    Attributes:
      model: with the weights of its best epoch.
      history: metric name to its value after each epoch; empty for a product of experts.
      best_epoch: counted from 1; 0 for a product of experts.
      seconds: training time, including that of the experts.
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
) -> TrainedModel:
    """Trains a model, or resumes its training; writes `history.csv` and TensorBoard logs.

    Ctrl-C and SIGTERM end the training after the current step, from which it resumes.

    Order, augmentation and dropout depend only on (seed, epoch), and only deterministic operations
    are used. On one machine, a resumed run therefore ends with the same weights as an uninterrupted
    one. Data from a tf.data service have no fixed order, so such runs end with other weights each
    time.

    Args:
      name: name of the model.
      data_dir: the dataset.
      manifest: its manifest.
      recipe: hyperparameters.
      execution: how steps are computed.
      run_dir: the run directory; a checkpoint in it is resumed.
      checkpoint_steps: steps between checkpoints within an epoch.

    Raises:
      TrainingError: the loss is not finite, a GPU would get no examples, or the checkpoint cannot
        be written or read.
      DatasetError, ModelError: the dataset cannot be read or the model cannot be built.
    """
    with deferred() as interrupt:
        return _fit(
            name, data_dir, manifest, recipe, execution, run_dir, checkpoint_steps, interrupt
        )


def _fit(
    name: str,
    data_dir: Path,
    manifest: Manifest,
    recipe: Recipe,
    execution: Execution,
    run_dir: Path,
    checkpoint_steps: int,
    interrupt: Deferred,
) -> TrainedModel:
    configure_keras(execution)
    checkpoint = Checkpoint(run_dir)
    progress = checkpoint.read_progress() or Progress()
    strategy = tf.distribute.MirroredStrategy() if execution.strategy == "mirrored" else None
    if strategy:
        _check_last_batch(manifest, recipe.batch_size, strategy.num_replicas_in_sync)
    with strategy.scope() if strategy else contextlib.nullcontext():
        keras.utils.set_random_seed(recipe.seed)
        model = _build_compiled(name, manifest, recipe, execution)
        if progress.epoch or progress.step:
            checkpoint.restore(model, progress)
    reads = MODELS[name].reads
    people, pairs = len(manifest.people), manifest.splits["train"].pairs
    in_order = tfdata.ReadOptions(recipe.batch_size)
    augment: Any = recipe.augment
    if isinstance(augment, str):
        augment = plugins.find("augmentation", augment)
    shuffled = replace(in_order, shuffle_buffer=SHUFFLE_BUFFER, seed=recipe.seed, augment=augment)
    checkpoints = CheckpointCallback(run_dir, progress, recipe, pairs, checkpoint_steps, interrupt)
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        checkpoints,
        keras.callbacks.TensorBoard(str(run_dir / LOGS_NAME)),
    ]
    if in_notebook():
        callbacks.append(ProgressBar(recipe.epochs))

    def load(split: str, options: tfdata.ReadOptions) -> tf.data.Dataset:
        examples = tfdata.load(data_dir, split, reads, options, manifest=manifest)
        return _one_hot(examples, people)

    def fit_until(last_epoch: int, options: tfdata.ReadOptions, steps: int) -> None:
        with _named_full_disk(run_dir):
            model.fit(
                load("train", options),
                validation_data=load("validation", in_order),
                initial_epoch=checkpoints.progress.epoch,
                epochs=last_epoch,
                steps_per_epoch=steps,
                shuffle=False,  # tfdata.load shuffles
                callbacks=callbacks,
                verbose=0 if in_notebook() else 1 if sys.stdout.isatty() else 2,
            )

    steps = recipe.steps_per_epoch(pairs)
    endless = replace(shuffled, epochs=None, service=execution.service)
    if progress.step == steps:  # interrupted during the validation
        validation = model.evaluate(load("validation", in_order), verbose=0, return_dict=True)
        checkpoints.set_model(model)
        checkpoints.on_epoch_begin(progress.epoch)
        logs = {**progress.means, **{f"val_{name}": x for name, x in validation.items()}}
        checkpoints.on_epoch_end(progress.epoch, logs)
    elif progress.step:  # first finish the interrupted epoch
        skipped = progress.step * recipe.batch_size
        rest = replace(shuffled, epoch=progress.epoch, skip=skipped)
        if execution.service:  # its order is not fixed, so no examples can be skipped
            rest = replace(endless, epoch=progress.epoch)
        fit_until(progress.epoch + 1, rest, steps - progress.step)
    if not checkpoints.progress.is_done(recipe):
        fit_until(recipe.epochs, replace(endless, epoch=checkpoints.progress.epoch), steps)
    progress = checkpoints.progress
    checkpoint.load_best_weights(model, progress)
    return TrainedModel(model, dict(progress.history), progress.best_epoch, progress.seconds)


@contextlib.contextmanager
def _named_full_disk(run_dir: Path) -> Iterator[None]:
    """Turns TensorFlow's error into one that names the logs, if they filled the disk."""
    try:
        yield
    except tf.errors.OpError:
        if shutil.disk_usage(run_dir).free > FULL_BYTES:
            raise
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run_dir / LOGS_NAME))
        raise cannot_be_written(full, run_dir, "the previous checkpoint") from None


def configure_keras(execution: Execution) -> None:
    """Sets the global dtype policy; makes operations deterministic, unless XLA compiles them."""
    if not execution.jit_compile:  # with deterministic operations, Keras compiles nothing
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy("mixed_float16" if execution.mixed_precision else "float32")


def input_shapes(manifest: Manifest) -> Inputs:
    """Returns the shapes of a dataset's arrays, to build models."""
    spectrogram_shape = (*manifest.spectrogram_shape, 1)
    return Inputs(manifest.image_shape, spectrogram_shape, manifest.embedding_dimensions)


def _build_compiled(
    name: str, manifest: Manifest, recipe: Recipe, execution: Execution
) -> keras.Model:
    model = build_model(name, input_shapes(manifest), classes=len(manifest.people))
    rate = _learning_rate(recipe, manifest.splits["train"].pairs)
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
        loss=_loss(recipe),
        metrics=["accuracy"],
        jit_compile=execution.jit_compile,
    )
    # Without variables to create, Keras traces the training step once instead of twice.
    optimizer.build(model.trainable_variables)
    one_pair = np.eye(1, len(manifest.people), dtype=np.float32)
    model.compute_metrics(None, one_pair, one_pair)
    model.reset_metrics()
    return model


def _loss(recipe: Recipe) -> keras.losses.Loss:
    if recipe.margin:
        return AdditiveMarginLoss(recipe.margin, recipe.label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def _learning_rate(recipe: Recipe, pairs: int) -> Any:
    """Returns the learning rate of a recipe: a number or a Keras schedule.

    Raises:
      TrainingError: a schedule of another package fails, or returns something else.
    """
    schedule = find_schedule(recipe.schedule)
    if schedule is None:
        raise TrainingError(f"There is no schedule {recipe.schedule!r}.")
    try:
        rate = schedule(recipe.learning_rate, recipe.steps_per_epoch(pairs), recipe.epochs)
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            rate.get_config()  # checkpoints store it
        else:
            rate = float(rate)
    except Exception as error:
        raise TrainingError(
            f"The schedule {recipe.schedule} cannot be used ({one_line(error)}); it returns "
            f"a number or a Keras LearningRateSchedule with get_config."
        ) from None
    return rate


def _check_last_batch(manifest: Manifest, batch_size: int, replicas: int) -> None:
    """Refuses a last batch that leaves a replica without examples, as its step would fail."""
    for name in ("train", "validation"):
        last = manifest.splits[name].pairs % batch_size or batch_size
        if last <= math.ceil(last / replicas) * (replicas - 1):
            raise TrainingError(
                f"The last batch of the {name} split has {counted(last, 'pair')}, which leaves one "
                f"of {replicas} GPUs without any; use another --batch_size than {batch_size}."
            )


def _one_hot(examples: tf.data.Dataset, people: int) -> tf.data.Dataset:
    """Converts labels to one-hot vectors, which label smoothing needs."""
    return examples.map(lambda inputs, label: (inputs, tf.one_hot(label, people)))
