"""Progress of a training run, and early stopping that survives an interruption.

Keras' EarlyStopping loses its counters when a run resumes, and BackupAndRestore does not save them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated

from facevoice.training.recipes import Recipe
from tfdata.fields import Count, Range, from_fields
from tfdata.storage.files import parse_json


@dataclass(frozen=True)
class Progress:
    """State of a run after `epoch` complete epochs and `step` steps of the next one.

    Attributes:
      epoch: number of complete epochs.
      step: steps of the unfinished epoch.
      means: metric name to its mean over these steps.
      draws: state of each random generator after these steps.
      best_epoch: epoch with the best watched metric, counted from 1; 0 before the first.
      seconds: training time so far.
      history: metric name to its value after each epoch.
    """

    epoch: Count = 0
    step: Count = 0
    means: Mapping[str, float] = field(default_factory=dict)
    draws: list[list[Annotated[int, Range(0, 2**64 - 1)]]] = field(default_factory=list)
    best_epoch: Count = 0
    seconds: float = 0.0
    history: Mapping[str, list[float]] = field(default_factory=dict)

    def at_step(
        self, step: int, means: Mapping[str, float], draws: list[list[int]], seconds: float
    ) -> Progress:
        """Returns the progress after `step` steps of the unfinished epoch."""
        seconds += self.seconds
        return replace(self, step=step, means=means, draws=draws, seconds=seconds)

    def after_epoch(self, metrics: Mapping[str, float], watch: str, seconds: float) -> Progress:
        """Returns the progress after one more epoch with these metrics."""
        history = {name: [*self.history.get(name, []), metrics[name]] for name in metrics}
        scores = [_score(value, watch) for value in history[watch]]
        better = not self.best_epoch or scores[-1] > scores[self.best_epoch - 1]
        return Progress(
            epoch=self.epoch + 1,
            best_epoch=self.epoch + 1 if better else self.best_epoch,
            seconds=self.seconds + seconds,
            history=history,
        )

    def is_done(self, recipe: Recipe) -> bool:
        """Returns whether training is complete: no epoch is left, or patience is exhausted."""
        stale_epochs = self.epoch - self.best_epoch
        stopped_early = recipe.patience is not None and stale_epochs >= recipe.patience
        return self.epoch >= recipe.epochs or stopped_early

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str | bytes) -> Progress:
        """Parses progress.json.

        Raises:
          ValueError, TypeError: the text is not valid.
        """
        progress = from_fields(Progress, parse_json(text))
        if progress.best_epoch > progress.epoch:
            raise ValueError("the best epoch is not complete")
        if any(len(values) != progress.epoch for values in progress.history.values()):
            raise ValueError("the history has another number of epochs")
        return progress


def _score(value: float, watch: str) -> float:
    """Returns a value that is higher for a better epoch."""
    return -value if watch.endswith("loss") else value
