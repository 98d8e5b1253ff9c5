"""Checkpoints of a run: model, optimiser and progress after an epoch or within one.

RUN/checkpoint/progress.json            progress, written last; names the files below
RUN/checkpoint/0007-000400.keras        model and optimiser after 7 epochs and 400 steps
RUN/checkpoint/best-0005.weights.h5     the weights of the best epoch so far
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

import keras

from facevoice.training.errors import TrainingError
from facevoice.training.train_state import Progress
from models import ModelError
from models.loading import load_model, load_weights
from tfdata.storage.files import open_regular, replace_file

# File names of this and earlier versions; other files in the directory are kept.
_CHECKPOINT_FILE = re.compile(
    r"[0-9]{4,}-[0-9]{6,}\.keras|best-[0-9]{4,}\.weights\.h5|progress(\.json\.[0-9a-f]{32})?\.tmp"
)


class Checkpoint:
    """The checkpoint of one run directory."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "checkpoint"

    def read_progress(self) -> Progress | None:
        """Returns the progress of the run; None if there is no checkpoint.

        Raises:
          TrainingError: the file is damaged.
        """
        try:
            with open_regular(self._progress_path) as file:
                return Progress.from_json(file.read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise self._damaged(self._progress_path) from None

    def restore(self, model: keras.Model, progress: Progress) -> None:
        """Restores the weights and the optimiser state of a compiled model of the same recipe.

        The saved model itself cannot be trained further: it has lost the names of the variables
        without weight decay.

        Raises:
          TrainingError: the file is damaged.
        """
        path = self._model_path(progress)
        try:
            saved = load_model(path, compile=True)
            model.set_weights(saved.get_weights())
            model.optimizer.build(model.trainable_variables)
            pairs = zip(model.optimizer.variables, saved.optimizer.variables, strict=True)
            for variable, value in pairs:
                variable.assign(value)
        except (AttributeError, ValueError):  # unreadable, or another model
            raise self._damaged(path) from None

    def load_best_weights(self, model: keras.Model, progress: Progress) -> None:
        """Loads the weights of the best epoch into a model.

        Raises:
          TrainingError: the file is damaged.
        """
        path = self._best_weights_path(progress)
        try:
            load_weights(model, path)
        except ModelError:
            raise self._damaged(path) from None

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Saves the state; the previous checkpoint stays valid until this one is complete.

        Raises:
          TrainingError: the directory cannot be written.
        """
        model_path, best_path = self._model_path(progress), self._best_weights_path(progress)
        try:
            if self._folder.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            self._folder.mkdir(exist_ok=True)
            model_path.unlink(missing_ok=True)  # Keras would write into a hard link
            model.save(model_path)
            if progress.best_epoch == progress.epoch and not progress.step:
                best_path.unlink(missing_ok=True)
                model.save_weights(best_path)
            for path in filter(Path.is_file, (model_path, best_path)):
                _flush(path)
            replace_file(self._progress_path, progress.to_json().encode())
        except OSError as error:  # the message of HDF5 fills a page
            reason = os.strerror(error.errno) if error.errno else "the disk may be full"
            raise TrainingError(
                f"{self._folder} cannot be written ({reason}); free disk space, and the same "
                f"command resumes from the previous checkpoint."
            ) from None
        self._remove_all_but(model_path, best_path)

    def remove(self) -> None:
        """Removes the checkpoint files, and the directory if it has no other files."""
        if self._folder.is_dir() and not self._folder.is_symlink():
            self._progress_path.unlink(missing_ok=True)
            self._remove_all_but()
            with suppress(OSError):  # not empty
                self._folder.rmdir()

    def _remove_all_but(self, *needed: Path) -> None:
        for path in self._folder.iterdir():
            if _CHECKPOINT_FILE.fullmatch(path.name) and path not in needed:
                path.unlink()

    def _damaged(self, path: Path) -> TrainingError:
        return TrainingError(
            f"{path} is damaged; delete {self._folder}, and the same command starts again."
        )

    @property
    def _progress_path(self) -> Path:
        return self._folder / "progress.json"

    def _model_path(self, progress: Progress) -> Path:
        return self._folder / f"{progress.epoch:04d}-{progress.step:06d}.keras"

    def _best_weights_path(self, progress: Progress) -> Path:
        return self._folder / f"best-{progress.best_epoch:04d}.weights.h5"


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
