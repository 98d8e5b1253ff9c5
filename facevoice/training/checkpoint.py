"""Checkpoints of a run: model, optimiser and progress after an epoch or within one.

RUN/checkpoint/progress.json            progress, written last; names the files below
RUN/checkpoint/0007-000400.keras        model and optimiser after 7 epochs and 400 steps
RUN/checkpoint/0005-000000.keras        model and optimiser after the best epoch so far
RUN/checkpoint/best-0005.weights.h5     in earlier versions, the weights of that epoch alone
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

    def exists(self) -> bool:
        """Returns whether there is a checkpoint."""
        return self._progress_path.is_file()

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

        Raises:
          TrainingError: the file is damaged.
        """
        self._restore(model, self._model_path(progress))

    def load_best_weights(self, model: keras.Model, progress: Progress) -> None:
        """Restores the state after the best epoch; of earlier versions, only the weights.

        Raises:
          TrainingError: the file is damaged.
        """
        path = self._best_weights_path(progress)
        if not path.is_file():
            self._restore(model, self._best_model_path(progress))
            return
        try:
            load_weights(model, path)
        except ModelError:
            raise self._damaged(path) from None

    def _restore(self, model: keras.Model, path: Path) -> None:
        """Restores a compiled model from a file.

        The saved model itself cannot be trained further: it has lost the names of the variables
        without weight decay.

        Raises:
          TrainingError: the file is damaged.
        """
        try:
            saved = load_model(path, compile=True)
            model.set_weights(saved.get_weights())
            if not model.optimizer.built:  # LossScaleOptimizer would add its variables again
                model.optimizer.build(model.trainable_variables)
            pairs = zip(model.optimizer.variables, saved.optimizer.variables, strict=True)
            for variable, value in pairs:
                variable.assign(value)
        except (AttributeError, ValueError):  # unreadable, or another model
            raise self._damaged(path) from None

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Saves the state; the previous checkpoint stays valid until this one is complete.

        Raises:
          TrainingError: the directory cannot be written.
        """
        try:
            if self._folder.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(self._folder))
            self._folder.mkdir(exist_ok=True)
            save_model(model, self._model_path(progress))
            replace_file(self._progress_path, progress.to_json().encode())
        except OSError as error:
            raise cannot_be_written(error, self._folder, "the previous checkpoint") from None
        self._remove_all_but(
            self._model_path(progress),
            self._best_model_path(progress),
            self._best_weights_path(progress),
        )

    def begin(self, model_path: Path, progress: Progress) -> None:
        """Makes the model of a finished run the checkpoint after its best epoch.

        Raises:
          OSError: the directory cannot be written.
        """
        self._folder.mkdir(exist_ok=True)
        replace_file(self._model_path(progress), model_path.read_bytes())
        replace_file(self._progress_path, progress.to_json().encode())

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

    def _best_model_path(self, progress: Progress) -> Path:
        return self._folder / f"{progress.best_epoch:04d}-000000.keras"

    def _best_weights_path(self, progress: Progress) -> Path:
        return self._folder / f"best-{progress.best_epoch:04d}.weights.h5"


def save_model(model: keras.Model, path: Path) -> None:
    """Saves a model and its optimiser; a failure leaves no part of the file.

    Raises:
      OSError: it cannot be written; names the file.
    """
    path.unlink(missing_ok=True)  # Keras would write into a hard link
    try:
        model.save(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:  # the message of HDF5 fills a page
        path.unlink(missing_ok=True)
        code = error.errno or errno.ENOSPC
        raise OSError(code, os.strerror(code), str(path)) from None


def cannot_be_written(error: OSError, path: Path, resumed: str) -> TrainingError:
    """Returns the error of a file of a run that cannot be written, such as on a full disk.

    Args:
      error: the error.
      path: the file or its directory, if the error has no name.
      resumed: where the same command resumes.
    """
    path = error.filename or path
    return TrainingError(
        f"{path} cannot be written ({error.strerror}); free disk space, and the same command "
        f"resumes from {resumed}."
    )
