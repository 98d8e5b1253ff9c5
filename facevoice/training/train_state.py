"""How far a training run has come, and when it should stop: pure, and kept in a small file.

Keras' own EarlyStopping forgets what it counted when a run is taken up again, and its
BackupAndRestore does not tell it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from facevoice.training.recipes import Recipe
from tfdata.fields import from_fields
from tfdata.storage.files import parse_json


@dataclass(frozen=True)
class Progress:
    """After `epoch` whole epochs and `step` steps of the next.

    Attributes:
      means: of the figures of training over these steps.
      draws: of each generator of random numbers, where it was behind them.
      history: name of a figure to its value after each epoch.
      best_epoch: the epoch of the best watched figure, counted from 1; 0 before the first.
      seconds: spent so far.
    """

    epoch: int = 0
    step: int = 0
    means: Mapping[str, float] = field(default_factory=dict)
    draws: list[list[int]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    history: Mapping[str, list[float]] = field(default_factory=dict)

    def within(
        self, step: int, means: Mapping[str, float], draws: list[list[int]], seconds: float
    ) -> Progress:
        """So many steps into the next epoch."""
        seconds += self.seconds
        return replace(self, step=step, means=means, draws=draws, seconds=seconds)

    def after(self, figures: Mapping[str, float], watch: str, seconds: float) -> Progress:
        """One epoch later."""
        history = {name: [*self.history.get(name, []), figures[name]] for name in figures}
        seen = history[watch]
        better = not self.best_epoch or _goodness(seen[-1], watch) > _goodness(
            seen[self.best_epoch - 1], watch
        )
        return Progress(
            epoch=self.epoch + 1,
            best_epoch=self.epoch + 1 if better else self.best_epoch,
            seconds=self.seconds + seconds,
            history=history,
        )

    def is_done(self, recipe: Recipe) -> bool:
        """Whether there is no more to train: no epoch left, or no patience."""
        waited = self.epoch - self.best_epoch
        out_of_patience = recipe.patience is not None and waited >= recipe.patience
        return self.epoch >= recipe.epochs or out_of_patience

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str | bytes) -> Progress:
        """Raises ValueError or TypeError for what is no progress."""
        progress = from_fields(Progress, parse_json(text))
        if min(progress.epoch, progress.step, progress.best_epoch) < 0:
            raise ValueError("its numbers are negative")
        return progress


def _goodness(value: float, watch: str) -> float:
    return -value if watch.endswith("loss") else value
