"""Keras callback for seeds, checkpoints, history and early stopping of a resumable training."""

from __future__ import annotations

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

import keras

from facevoice.training.checkpoint import Checkpoint, cannot_be_written
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import Recipe
from facevoice.training.train_state import Progress
from tfdata.interrupts import Deferred
from tfdata.storage.files import replace_file

HISTORY_NAME = "history.csv"
TRAIN_METRICS, VALIDATION_METRICS = ("loss", "accuracy"), ("val_loss", "val_accuracy")
MAX_SEED = 2**31


class CheckpointCallback(keras.callbacks.Callback):
    """Saves the state of a run after each epoch, every `checkpoint_steps` steps, and if stopped.

    An interrupt (Ctrl-C, SIGTERM) waits for the end of the step, whose state is then saved.

    Dropout's generators are seeded from (seed, epoch) in each epoch, and a checkpoint includes
    their states. An interrupted run that resumes therefore ends with the same weights as an
    uninterrupted one on the same machine.

    Attributes:
      progress: progress at the last checkpoint.
    """

    def __init__(
        self,
        run_dir: Path,
        progress: Progress,
        recipe: Recipe,
        pairs: int,
        checkpoint_steps: int,
        interrupt: Deferred,
    ) -> None:
        """Creates the callback.

        Args:
          run_dir: the run directory.
          progress: progress of the run so far.
          recipe: recipe of the model.
          pairs: number of training pairs.
          checkpoint_steps: steps between checkpoints within an epoch.
          interrupt: the interrupt that waits for the end of a step.
        """
        super().__init__()
        self.progress = progress
        self._checkpoint = Checkpoint(run_dir)
        self._history_path = run_dir / HISTORY_NAME
        self._recipe = recipe
        self._pairs = pairs
        self._checkpoint_steps = checkpoint_steps
        self._interrupt = interrupt

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._interrupt.raise_pending()  # the last epoch is saved; Keras prints the next one's name
        self._started = time.monotonic()
        self._before = self.progress
        seed = epoch_seed(self._recipe.seed, epoch)
        # The generators' states alone: TensorFlow discards all compiled steps when the global seed
        # is set, and compiling them again takes seconds.
        for number, state in enumerate(self._generator_states()):
            state.assign(self._before.draws[number] if self._before.step else [seed, number << 32])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step, self._logs = self._before.step + batch + 1, logs
        is_last = self._step == self._recipe.steps_per_epoch(self._pairs)
        if self._interrupt.pending is not None:
            self._stop()
        elif self._step % self._checkpoint_steps == 0 and not is_last:
            self._save_step()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._interrupt.pending is not None:  # between the last step and the end of the epoch
            self._stop()

    def _stop(self) -> None:
        if self._step != self.progress.step:
            self._save_step()
        self._interrupt.raise_pending()

    def _save_step(self) -> None:
        draws = [[int(value) for value in state.numpy()] for state in self._generator_states()]
        means = self._means(self._logs, self._step)
        self.progress = self._before.at_step(self._step, means, draws, self._seconds())
        self._checkpoint.save(self.model, self.progress)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not math.isfinite(logs["loss"] + logs["val_loss"]):
            raise TrainingError(
                f"The loss is not finite in epoch {epoch + 1}; use a smaller --learning_rate than "
                f"{self._recipe.learning_rate:g}."
            )
        figures = self._means(logs, self._recipe.steps_per_epoch(self._pairs))
        figures |= {name: float(logs[name]) for name in VALIDATION_METRICS}
        self.progress = self._before.after_epoch(figures, self._recipe.watch, self._seconds())
        self._checkpoint.save(self.model, self.progress)
        try:
            _write_history(self._history_path, self.progress)
        except OSError as error:
            raise cannot_be_written(error, self._history_path, "this epoch") from None
        self.model.stop_training = self.progress.is_done(self._recipe)

    def _means(self, logs: Any, step: int) -> dict[str, float]:
        """Returns the means of the epoch up to a step, including steps before the run resumed."""
        size = self._recipe.batch_size
        before, total = (min(count * size, self._pairs) for count in (self._before.step, step))
        sums = {
            name: self._before.means.get(name, 0.0) * before + float(logs[name]) * (total - before)
            for name in TRAIN_METRICS
        }
        # Correct predictions are whole numbers; rounding keeps resumed epochs exactly comparable.
        sums["accuracy"] = round(sums["accuracy"])
        return {name: value / total for name, value in sums.items()}

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _generator_states(self) -> list[Any]:
        """Returns the states of dropout's random generators, which a saved model does not hold."""
        return [
            variable
            for variable in self.model.non_trainable_variables
            if variable.path.endswith("seed_generator_state")
        ]


def epoch_seed(seed: int, epoch: int) -> int:
    """Returns the random seed of one epoch of a run."""
    return (seed * 1_000_003 + epoch) % MAX_SEED


def _write_history(path: Path, progress: Progress) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["epoch", *progress.history])
    columns = zip(*progress.history.values(), strict=True)
    rows.writerows([epoch, *values] for epoch, values in enumerate(columns, 1))
    replace_file(path, text.getvalue().encode())
