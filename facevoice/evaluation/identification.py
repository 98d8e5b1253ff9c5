"""Who is it? Measures of probabilities [n, classes] against labels [n]: pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.metrics import wilson_interval

Floats = NDArray[np.floating[Any]]
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Share:
    """A proportion, with Wilson's 95 % interval.

    The interval takes the cases for independent. Those of one video are not, so at the level of
    pairs it is narrower than the truth; at the level of videos it is as honest as it looks.
    """

    correct: int
    total: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """How often the model is right, beside how sure it says it is.

    Attributes:
      error: expected calibration error, the mean over all examples of |accuracy - confidence| of
        their bin.
      counts, confidence, accuracy: of each bin, in order; 0 where a bin is empty.
    """

    error: float
    counts: list[int]
    confidence: list[float]
    accuracy: list[float]


def share_of(right: NDArray[np.bool_]) -> Share:
    """The share of what is true in bool [n], n above 0."""
    correct, total = int(right.sum()), len(right)
    return Share(correct, total, correct / total, *wilson_interval(correct, total))


def ranks(probabilities: Floats, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes the model prefers to the true one, int [n]; 0 is a right answer.

    Of classes with equal probabilities the lower number comes first, as in `argmax`.
    """
    true = probabilities[np.arange(len(labels)), labels][:, None]
    before = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > true) | (probabilities == true) & before).sum(axis=1)


def top_shares(
    probabilities: Floats, labels: NDArray[np.int64], ks: Sequence[int] = (1, 5)
) -> dict[str, Share]:
    """Share of examples whose person is among the first k, for each k below the classes."""
    places = ranks(probabilities, labels)
    return {f"top_{k}": share_of(places < k) for k in ks if k < probabilities.shape[1]}


def averaged(
    probabilities: Floats, labels: NDArray[np.int64], groups: Sequence[NDArray[np.str_]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One answer for all examples of a group: the mean of their probabilities.

    The sum rule of Kittler et al. (On combining classifiers, 1998), which they found to bear
    errors of single answers best. The product rule (the mean of logarithms) lets one window that
    is sure and wrong decide, and needs a floor for probabilities that round to 0.

    Args:
      probabilities, labels: of the examples; a group has one label.
      groups: arrays [n]; the examples that agree in all of them are a group.

    Returns:
      Probabilities [groups, classes] and labels [groups].
    """
    codes = np.stack([np.unique(group, return_inverse=True)[1] for group in groups], axis=1)
    _, first, member = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    member = member.reshape(-1)
    sums = np.zeros((len(first), probabilities.shape[1]))
    np.add.at(sums, member, probabilities)
    return sums / np.bincount(member)[:, None], labels[first]


def shares_by(right: NDArray[np.bool_], values: Sequence[str]) -> dict[str, Share]:
    """The share of what is true for each value, in the order of the values."""
    places = np.array(values)
    return {str(value): share_of(right[places == value]) for value in np.unique(places)}


def shares_by_meta(
    right: NDArray[np.bool_],
    identities: NDArray[np.str_],
    meta: Mapping[str, Mapping[str, str]],
    names: Sequence[str] = ("gender", "nationality"),
) -> dict[str, dict[str, Share]]:
    """Shares by each fact of the meta file; a fact that it has of nobody here is left out."""
    found = {}
    for name in names:
        values = [meta[who].get(name) or "not said" for who in identities.tolist()]
        if set(values) != {"not said"}:
            found[name] = shares_by(right, values)
    return found


def calibration(
    probabilities: Floats, labels: NDArray[np.int64], bins: int = CALIBRATION_BINS
) -> Calibration:
    """Expected calibration error of the first answer (Guo et al., 2017, equation 3).

    Confidence is the largest probability. The bins are `bins` intervals of equal width, each open
    below and closed above: (0, 1/bins], ..., (1 - 1/bins, 1].
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = ranks(probabilities, labels) == 0
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    sure, correct = (np.bincount(places, part, bins) for part in (confidence, right))
    filled = np.maximum(counts, 1)
    return Calibration(
        error=float(np.abs(correct - sure).sum() / len(labels)),
        counts=counts.tolist(),
        confidence=(sure / filled).tolist(),
        accuracy=(correct / filled).tolist(),
    )
