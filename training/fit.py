"""Fitting a model to a data set, with early stopping on videos it has not seen."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

import tfdata
from models import MODELS, Inputs, build_model
from tfdata.schema import Manifest

SHUFFLE_BUFFER = 1000


class TrainingError(Exception):
    """Training that cannot go on: one sentence."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
      model: name in the registry.
      epochs: passes over the training split, at most.
      batch_size: examples a step.
      learning_rate: of Adam.
      patience: epochs without a better validation loss before it stops.
      seed: of weights, dropout and shuffling.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A trained model, with the weights of its best epoch."""

    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int  # counted from 1
    seconds: float


def fit(data_dir: Path, manifest: Manifest, recipe: Recipe, run_dir: Path) -> Fitted:
    """Trains a model; writes `history.csv` and TensorBoard logs while it does.

    Raises:
      TrainingError: the loss stops being a number.
      DatasetError, ModelError: the data set or the model do not allow it.
    """
    spec = MODELS[recipe.model]
    keras.utils.set_random_seed(recipe.seed)
    inputs = Inputs(manifest.image_shape, (*manifest.spectrogram_shape, 1))
    model = build_model(recipe.model, inputs, classes=len(manifest.people))
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    shuffled = tfdata.ReadOptions(recipe.batch_size, SHUFFLE_BUFFER, recipe.seed)
    train = tfdata.load(data_dir, "train", spec.modality, shuffled)
    stored = tfdata.ReadOptions(recipe.batch_size)
    validation = tfdata.load(data_dir, "validation", spec.modality, stored)
    started = time.monotonic()
    history = model.fit(
        train,
        validation_data=validation,
        epochs=recipe.epochs,
        shuffle=False,  # the input function does
        callbacks=_callbacks(recipe, run_dir),
        verbose=1 if sys.stdout.isatty() else 2,
    ).history
    if not all(map(math.isfinite, history["loss"])):
        raise TrainingError(
            f"The loss is not a number after epoch {len(history['loss'])}; try a smaller "
            f"--learning_rate than {recipe.learning_rate:g}."
        )
    losses: Sequence[float] = history["val_loss"]
    return Fitted(
        model=model,
        history=history,
        best_epoch=losses.index(min(losses)) + 1,
        seconds=time.monotonic() - started,
    )


def _callbacks(recipe: Recipe, run_dir: Path) -> list[Any]:
    return [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=recipe.patience, restore_best_weights=True
        ),
        keras.callbacks.CSVLogger(str(run_dir / "history.csv")),
        keras.callbacks.TensorBoard(str(run_dir / "tensorboard")),
    ]
