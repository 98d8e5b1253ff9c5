"""Learning-rate schedules by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from facevoice import plugins

WARM_UP_EPOCHS = 2  # of the cosine schedule

# (learning rate, steps per epoch, epochs) -> the learning rate as a number, or a Keras
# LearningRateSchedule.
Schedule = Callable[[float, int, int], Any]


def constant(learning_rate: float, steps_per_epoch: int, epochs: int) -> float:
    """Returns the learning rate itself."""
    return learning_rate


def cosine(learning_rate: float, steps_per_epoch: int, epochs: int) -> Any:
    """Returns a linear warm-up from 0 over two epochs, then a cosine decay to 0."""
    import keras  # takes seconds, so the command line is checked without it

    warm_up = steps_per_epoch * min(WARM_UP_EPOCHS, epochs - 1)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        steps_per_epoch * epochs - warm_up,
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )


SCHEDULES: Mapping[str, Schedule] = {"constant": constant, "cosine": cosine}


def find_schedule(name: str) -> Schedule | None:
    """Returns a schedule, built in or of another package that is known; None if there is none."""
    return SCHEDULES.get(name) or plugins.find("schedule", name)
