"""Accuracy of a model on a split, with a confidence interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binomtest

CONFIDENCE_LEVEL = float(2 * ndtr(1.96) - 1)  # 95 %, with the rounded z = 1.96


@dataclass(frozen=True)
class SplitMetrics:
    """Accuracy on one split.

    Attributes:
      pairs: number of pairs.
      correct: number of correct predictions.
      accuracy: correct / pairs.
      low, high: Wilson's 95 % interval of the accuracy.
      commonest: accuracy of always predicting the person with the most examples.
      by_person: identity to accuracy, for people with examples.
      macro_accuracy: mean of `by_person`, in which each person has the same weight.
      pairs_by_person: identity to number of pairs, for the same people.
    """

    pairs: int
    correct: int
    accuracy: float
    low: float
    high: float
    commonest: float
    by_person: dict[str, float]
    macro_accuracy: float
    pairs_by_person: dict[str, int]


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Returns counts [classes, classes]: rows are true classes, columns predicted ones."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def split_metrics(confusion: NDArray[np.int64], people: list[str]) -> SplitMetrics:
    """Computes the metrics of a split from a confusion matrix whose classes are `people`."""
    pairs, correct = int(confusion.sum()), int(confusion.trace())
    low, high = wilson_interval(correct, pairs)
    examples = confusion.sum(axis=1)
    by_person = {
        name: float(confusion[i, i] / examples[i]) for i, name in enumerate(people) if examples[i]
    }
    return SplitMetrics(
        pairs=pairs,
        correct=correct,
        accuracy=correct / pairs,
        low=low,
        high=high,
        commonest=float(examples.max() / pairs),
        by_person=by_person,
        macro_accuracy=macro_average(by_person.values()),
        pairs_by_person={name: int(examples[i]) for i, name in enumerate(people) if examples[i]},
    )


def macro_average(accuracies: Iterable[float]) -> float:
    """Returns the mean accuracy of people: each person has the same weight."""
    return float(np.mean(list(accuracies)))


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Returns Wilson's 95 % score interval of a proportion (E. B. Wilson, 1927)."""
    interval = binomtest(correct, total).proportion_ci(CONFIDENCE_LEVEL, method="wilson")
    return max(0.0, float(interval.low)), min(1.0, float(interval.high))  # they may be rounded
