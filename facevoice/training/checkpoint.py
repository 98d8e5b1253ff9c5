"""What a killed run goes on from: model, optimiser and progress, after an epoch or within one.

RUN/checkpoint/progress.json            the switch: the epoch and step whose files count
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

# Names that checkpoints have, or had; other files in the folder are left alone.
_OWN = re.compile(
    r"[0-9]{4,}-[0-9]{6,}\.keras|best-[0-9]{4,}\.weights\.h5|progress(\.json\.[0-9a-f]{32})?\.tmp"
)


class Checkpoint:
    """The checkpoint of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "checkpoint"

    def read_progress(self) -> Progress | None:
        """How far the run has come; None if nothing of it was kept.

        Raises:
          TrainingError: the file is damaged.
        """
        try:
            with open_regular(self._switch) as file:
                return Progress.from_json(file.read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise self._damaged(self._switch) from None

    def restore(self, model: keras.Model, progress: Progress) -> None:
        """Brings a compiled model of the same recipe, and its optimiser, to where they were.

        The kept model cannot be trained itself: it has forgotten what must not decay.
        """
        path = self._model(progress)
        try:
            kept = load_model(path, compile=True)
            model.set_weights(kept.get_weights())
            model.optimizer.build(model.trainable_variables)
            pairs = zip(model.optimizer.variables, kept.optimizer.variables, strict=True)
            for mine, other in pairs:
                mine.assign(other)
        except (AttributeError, ValueError):  # unreadable, or of another model
            raise self._damaged(path) from None

    def load_best_weights(self, model: keras.Model, progress: Progress) -> None:
        """Gives a model the weights of its best epoch.

        Raises:
          TrainingError: they cannot be read.
        """
        try:
            load_weights(model, self._best(progress))
        except ModelError:
            raise self._damaged(self._best(progress)) from None

    def save(self, model: keras.Model, progress: Progress) -> None:
        """Keeps the state; until it is whole, the one before counts."""
        files = (self._model(progress), self._best(progress))
        try:
            if self._folder.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            self._folder.mkdir(exist_ok=True)
            self._model(progress).unlink(missing_ok=True)  # Keras would write into a hard link
            model.save(self._model(progress))
            if progress.best_epoch == progress.epoch and not progress.step:
                self._best(progress).unlink(missing_ok=True)
                model.save_weights(self._best(progress))
            for path in filter(Path.is_file, files):
                _flush(path)
            replace_file(self._switch, progress.to_json().encode())
        except OSError as error:  # HDF5 puts a page into its own
            reason = os.strerror(error.errno) if error.errno else "the disk may be full"
            raise TrainingError(
                f"{self._folder} cannot be written ({reason}); make room, and the same command "
                f"goes on from what was kept before."
            ) from None
        self._remove_all_but(*files)

    def remove(self) -> None:
        """Removes the checkpoint's files, and its folder unless other files are in it."""
        if self._folder.is_dir() and not self._folder.is_symlink():
            self._switch.unlink(missing_ok=True)
            self._remove_all_but()
            with suppress(OSError):  # it is not empty
                self._folder.rmdir()

    def _remove_all_but(self, *needed: Path) -> None:
        for path in self._folder.iterdir():
            if _OWN.fullmatch(path.name) and path not in needed:
                path.unlink()

    def _damaged(self, path: Path) -> TrainingError:
        return TrainingError(
            f"{path} is damaged; delete {self._folder}, and the same command begins anew."
        )

    @property
    def _switch(self) -> Path:
        return self._folder / "progress.json"

    def _model(self, progress: Progress) -> Path:
        return self._folder / f"{progress.epoch:04d}-{progress.step:06d}.keras"

    def _best(self, progress: Progress) -> Path:
        return self._folder / f"best-{progress.best_epoch:04d}.weights.h5"


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
