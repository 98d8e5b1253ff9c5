"""What goes on beside the steps of training: seeds, checkpoints, history, and when to stop."""

from __future__ import annotations

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

import keras

from facevoice.training.checkpoint import Checkpoint
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import Recipe
from facevoice.training.train_state import Progress
from tfdata.storage.files import replace_file

TRAINED, UNSEEN = ("loss", "accuracy"), ("val_loss", "val_accuracy")
MAX_SEED = 2**31


class Keeper(keras.callbacks.Callback):
    """Keeps a run's state after each epoch, and within one every so many steps.

    What an epoch draws is set at its start from (seed, epoch) alone, and how much of it has been
    drawn is kept with the rest: so a run that was killed anywhere ends, on one machine, with the
    very weights of one that was not.

    Attributes:
      progress: how far the run has come.
    """

    def __init__(
        self, run_dir: Path, progress: Progress, recipe: Recipe, pairs: int, checkpoint_steps: int
    ) -> None:
        """Of a run of that recipe on so many training pairs, which has come so far."""
        super().__init__()
        self.progress = progress
        self._checkpoint = Checkpoint(run_dir)
        self._history_path = run_dir / "history.csv"
        self._recipe = recipe
        self._pairs = pairs
        self._checkpoint_steps = checkpoint_steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._started = time.monotonic()
        self._before = self.progress
        seed = seed_of_epoch(self._recipe.seed, epoch)
        keras.utils.set_random_seed(seed)
        for number, state in enumerate(self._draws()):
            state.assign(self._before.draws[number] if self._before.step else [seed, number << 32])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = self._before.step + batch + 1
        if step % self._checkpoint_steps == 0 and step < self._recipe.steps_an_epoch(self._pairs):
            draws = [[int(number) for number in state.numpy()] for state in self._draws()]
            means = self._means(logs, step)
            self.progress = self._before.within(step, means, draws, self._seconds())
            self._checkpoint.save(self.model, self.progress)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not math.isfinite(logs["loss"] + logs["val_loss"]):
            raise TrainingError(
                f"The loss is not a number in epoch {epoch + 1}; try a smaller --learning_rate "
                f"than {self._recipe.learning_rate:g}."
            )
        figures = self._means(logs, self._recipe.steps_an_epoch(self._pairs))
        figures |= {name: float(logs[name]) for name in UNSEEN}
        self.progress = self._before.after(figures, self._recipe.watch, self._seconds())
        self._checkpoint.save(self.model, self.progress)
        _write_history(self._history_path, self.progress)
        self.model.stop_training = self.progress.is_done(self._recipe)

    def _means(self, logs: Any, step: int) -> dict[str, float]:
        """Means of the epoch up to a step, from those before the run was taken up, and since."""
        size = self._recipe.batch_size
        before, all_ = self._before.step * size, min(step * size, self._pairs)
        sums = {
            name: self._before.means.get(name, 0.0) * before + float(logs[name]) * (all_ - before)
            for name in TRAINED
        }
        # Right answers are counted, or a resumed epoch would seem better in the last digit.
        sums["accuracy"] = round(sums["accuracy"])
        return {name: total / all_ for name, total in sums.items()}

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _draws(self) -> list[Any]:
        """What dropout draws from; a saved model does not keep it."""
        return [
            variable
            for variable in self.model.non_trainable_variables
            if variable.path.endswith("seed_generator_state")
        ]


def seed_of_epoch(seed: int, epoch: int) -> int:
    """What one epoch of a run draws from."""
    return (seed * 1_000_003 + epoch) % MAX_SEED


def _write_history(path: Path, progress: Progress) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["epoch", *progress.history])
    columns = zip(*progress.history.values(), strict=True)
    rows.writerows([epoch, *values] for epoch, values in enumerate(columns, 1))
    replace_file(path, text.getvalue().encode())
