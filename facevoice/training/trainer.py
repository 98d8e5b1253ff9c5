"""Training by name: from a model's recipe to its finished run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from facevoice.evaluation.runs import MODEL_NAME
from facevoice.training.errors import TrainingError
from facevoice.training.expert_fusion import join, weigh
from facevoice.training.fit import Fitted, fit, prepare
from facevoice.training.recipes import Execution, Experts, Recipe
from facevoice.training.run_dir import (
    finished_metrics,
    held,
    open_run_dir,
    read_metrics,
    run_settings,
    write_run,
)
from models import Inputs, ModelError, build_model
from models.loading import load_model
from tfdata.manifest import Manifest


@dataclass(frozen=True)
class Session:
    """What the runs of one command have in common.

    Attributes:
      data_dir, manifest: the data set.
      recipes: of each model, by name.
      given: fields of a recipe that the command line has set.
      execution: how steps are computed.
    """

    data_dir: Path
    manifest: Manifest
    recipes: Mapping[str, Recipe | Experts]
    given: Mapping[str, Any]
    execution: Execution

    def train(self, model: str, output: Path | None, experts_dir: Path | None = None) -> Path:
        """Trains a model, or goes on with it; returns its run folder.

        Args:
          model: name of a recipe.
          output: the run folder; without one, a new one below runs/.
          experts_dir: where a fusion model looks for runs of its experts, RUN/MODEL, and trains
            those that it does not find; its own folder, if not said.

        Raises:
          TrainingError, ModelError, DatasetError: one sentence.
        """
        settings = self.settings(model)
        run_dir = open_run_dir(output, settings)
        with held(run_dir):
            recipe = self._recipe(model)
            if isinstance(recipe, Experts):
                fitted = self._join(model, recipe, experts_dir or run_dir)
            else:
                print(
                    f"Training {model} on {self.data_dir}: {len(self.manifest.people)} people, "
                    f"{self.manifest.splits['train'].pairs} pairs.",
                    flush=True,
                )
                fitted = fit(model, self.data_dir, self.manifest, recipe, self.execution, run_dir)
            write_run(run_dir, self.data_dir, self.manifest, settings, fitted)
        return run_dir

    def train_once(self, model: str, output: Path) -> Path:
        """The same, where a run that is finished with these settings need not be done again."""
        if finished_metrics(output, self.settings(model)):
            print(f"{model} is finished in {output}.", flush=True)
            return output
        return self.train(model, output, output.parent)

    def _join(self, model: str, experts: Experts, experts_dir: Path) -> Fitted:
        """The product of two experts, which are trained first where they are not."""
        names = (experts.image, experts.audio)
        folders = [self.train_once(name, experts_dir / name) for name in names]
        started = time.monotonic()
        trained = [_load_expert(folder / MODEL_NAME) for folder in folders]
        inputs = Inputs(self.manifest.image_shape, (*self.manifest.spectrogram_shape, 1))
        prepare(self.execution)
        fusion = build_model(model, inputs, len(self.manifest.people))
        join(fusion, *trained)
        print(f"Weighing {' and '.join(names)} on the validation split.", flush=True)
        weigh(fusion, self.data_dir, self.manifest)
        seconds = [read_metrics(folder)["seconds"] for folder in folders]
        return Fitted(fusion, {}, 0, sum(seconds) + time.monotonic() - started)

    def _recipe(self, model: str) -> Recipe | Experts:
        recipe = self.recipes[model]
        if isinstance(recipe, Experts):
            return recipe
        recipe = replace(recipe, **self.given)
        if "epochs" in self.given:
            return recipe
        return recipe.for_pairs(self.manifest.splits["train"].pairs)

    def settings(self, model: str) -> dict[str, Any]:
        recipe = self._recipe(model)
        settings = asdict(recipe)
        if isinstance(recipe, Experts):
            settings = {"experts": {name: asdict(self._recipe(name)) for name in settings.values()}}
        return run_settings(model, self.data_dir, self.manifest, settings, self.execution)


def _load_expert(path: Path) -> keras.Model:
    try:
        return load_model(path)
    except ModelError as error:
        raise TrainingError(
            f"{path} cannot be used ({error}); delete {path.parent}, and the same command trains "
            f"it again."
        ) from None
