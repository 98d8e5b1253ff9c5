"""What a trained model is worth on a split: pure arithmetic on its answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Measured:
    """Accuracy on one split.

    Attributes:
      pairs, correct: counts.
      accuracy: correct / pairs.
      low, high: Wilson's 95 % interval of the accuracy.
      commonest: accuracy of always naming the person with the most examples.
      by_person: identity to accuracy; people without an example are left out.
    """

    pairs: int
    correct: int
    accuracy: float
    low: float
    high: float
    commonest: float
    by_person: dict[str, float]


def confusion_matrix(
    labels: NDArray[np.int64], answers: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Counts [classes, classes]: rows are who it was, columns who the model named."""
    return np.bincount(labels * classes + answers, minlength=classes**2).reshape(classes, classes)


def measure(confusion: NDArray[np.int64], people: list[str]) -> Measured:
    """Accuracy from a confusion matrix whose classes are `people`, in order."""
    pairs, correct = int(confusion.sum()), int(confusion.trace())
    low, high = wilson_interval(correct, pairs)
    shown = confusion.sum(axis=1)
    return Measured(
        pairs=pairs,
        correct=correct,
        accuracy=correct / pairs,
        low=low,
        high=high,
        commonest=float(shown.max() / pairs),
        by_person={
            name: float(confusion[i, i] / shown[i]) for i, name in enumerate(people) if shown[i]
        },
    )


def wilson_interval(correct: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a proportion (E. B. Wilson, 1927); 95 % at z = 1.96."""
    share = correct / total
    centre = share + z**2 / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return (centre - spread) / scale, (centre + spread) / scale
