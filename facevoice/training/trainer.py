"""Trains models by name, from the recipe to the finished run directory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from facevoice.run_layout import MODEL_NAME
from facevoice.training.checkpoint import Checkpoint, cannot_be_written
from facevoice.training.dataset import TrainingData, record_manifest
from facevoice.training.errors import TrainingError
from facevoice.training.expert_fusion import calibrate_experts, copy_expert_weights
from facevoice.training.fit import TrainedModel, configure_keras, fit, input_shapes
from facevoice.training.recipes import Execution, Experts, Recipe
from facevoice.training.run_dir import (
    adopt_settings,
    find_finished,
    finished_line,
    is_finished,
    lock_run_dir,
    open_run_dir,
    read_metrics,
)
from facevoice.training.run_files import write_run
from facevoice.training.run_settings import run_settings
from models import MODELS, ModelError, build_model
from models.loading import load_model
from tfdata.command_line import say
from tfdata.manifest_reader import check_embeddings
from tfdata.text import counted


@dataclass(frozen=True)
class Trainer:
    """Trains the models of one command.

    Attributes:
      data: the dataset.
      recipes: model name to recipe.
      overrides: fields of a recipe that the command line sets.
      execution: how steps are computed.
    """

    data: TrainingData
    recipes: Mapping[str, Recipe | Experts]
    overrides: Mapping[str, Any]
    execution: Execution

    def train(self, model: str, output: Path | None, experts_dir: Path | None = None) -> Path:
        """Trains a model or resumes its training, unless it is finished; returns the run directory.

        Args:
          model: model name.
          output: the run directory; None uses one below runs/.
          experts_dir: directory with the runs of the experts of a fusion model, by model name.
            Missing ones are trained. None uses the run directory.

        Raises:
          TrainingError, DatasetError: with a one-line message.
        """
        data_dir, manifest = self.data.data_dir, self.data.manifest
        check_embeddings(data_dir, manifest, MODELS[model].inputs)
        if MODELS[model].on_embeddings and getattr(self._recipe(model), "augment", False):
            raise TrainingError(
                f"{model} reads embeddings, which cannot be augmented; remove the augmentation."
            )
        settings = self.settings(model)
        if finished := find_finished(output, settings):
            say(finished_line(finished, settings))
            return finished
        run_dir = open_run_dir(output, settings)
        with lock_run_dir(run_dir), _what_is_kept(run_dir):
            adopt_settings(run_dir, settings)
            try:
                record_manifest(self.data, run_dir)
            except OSError as error:
                raise TrainingError(f"{run_dir} cannot be written: {error.strerror}.") from None
            recipe = self._recipe(model)
            if isinstance(recipe, Experts):
                trained = self._fuse_experts(model, recipe, experts_dir or run_dir)
            else:
                say(
                    f"Training {model} on {data_dir}: "
                    f"{counted(len(manifest.people), 'person', 'people')}, "
                    f"{counted(manifest.splits['train'].pairs, 'pair')}."
                )
                try:
                    trained = fit(model, data_dir, manifest, recipe, self.execution, run_dir)
                except ModelError as error:
                    raise TrainingError(str(error)) from None
            try:
                write_run(run_dir, data_dir, manifest, settings, trained)
            except OSError as error:
                raise cannot_be_written(error, run_dir, "its last checkpoint") from None
        return run_dir

    def settings(self, model: str) -> dict[str, Any]:
        """Returns the settings of a run, as in settings.json."""
        recipe = self._recipe(model)
        settings = asdict(recipe)
        if isinstance(recipe, Experts):
            settings = {"experts": {name: asdict(self._recipe(name)) for name in settings.values()}}
        return run_settings(model, self.data, settings, self.execution)

    def _fuse_experts(self, model: str, experts: Experts, experts_dir: Path) -> TrainedModel:
        """Builds the product of two experts, and trains those that are not finished."""
        names = (experts.image, experts.audio)
        run_dirs = [self.train(name, experts_dir / name, experts_dir) for name in names]
        started = time.monotonic()
        manifest = self.data.manifest
        trained = [_load_expert(run_dir / MODEL_NAME) for run_dir in run_dirs]
        configure_keras(self.execution)
        fusion = build_model(model, input_shapes(manifest), len(manifest.people))
        copy_expert_weights(fusion, *trained)
        say(f"Calibrating {' and '.join(names)} on the validation split.")
        calibrate_experts(fusion, self.data.data_dir, manifest)
        seconds = [read_metrics(run_dir)["seconds"] for run_dir in run_dirs]
        return TrainedModel(fusion, {}, 0, sum(seconds) + time.monotonic() - started)

    def _recipe(self, model: str) -> Recipe | Experts:
        recipe = self.recipes[model]
        if isinstance(recipe, Experts):
            return recipe
        recipe = replace(recipe, **self.overrides)
        if "epochs" in self.overrides:
            return recipe
        return recipe.for_pairs(self.data.manifest.splits["train"].pairs)


@contextmanager
def _what_is_kept(run_dir: Path) -> Iterator[None]:
    """Adds to an interrupt a sentence about where the same command resumes."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        sentence = "Stopped before the first checkpoint; the same command starts again."
        if Checkpoint(run_dir).exists():
            sentence = "Stopped; the same command resumes from the last checkpoint."
        if is_finished(run_dir):
            sentence = f"Stopped; the run in {run_dir} is finished."
        interrupt.args = interrupt.args or (sentence,)
        raise


def _load_expert(path: Path) -> keras.Model:
    try:
        return load_model(path)
    except ModelError as error:
        raise TrainingError(
            f"{path} cannot be used ({error}); delete {path.parent}, and the same command trains "
            f"it again."
        ) from None
