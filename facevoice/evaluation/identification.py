"""Metrics of closed-set identification, from probabilities [n, classes] and labels [n]."""

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
    """A proportion with Wilson's 95 % interval.

    The interval assumes independent cases. Pairs of one video are not independent, so intervals
    over pairs are too narrow; those over videos are not affected.
    """

    correct: int
    total: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """Reliability of the predicted probabilities.

    Attributes:
      error: expected calibration error, the mean over examples of |accuracy - confidence| of their
        bin.
      counts, confidence, accuracy: number of examples and means of each bin, in order; 0 for an
        empty bin.
    """

    error: float
    counts: list[int]
    confidence: list[float]
    accuracy: list[float]


def share_of(correct_mask: NDArray[np.bool_]) -> Share:
    """Returns the share of True in bool [n], n > 0."""
    correct, total = int(correct_mask.sum()), len(correct_mask)
    return Share(correct, total, correct / total, *wilson_interval(correct, total))


def ranks(probabilities: Floats, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns how many classes rank above the true one, int [n]; 0 is a correct prediction.

    Classes with equal probabilities are ranked by number, as in `argmax`.
    """
    true = probabilities[np.arange(len(labels)), labels][:, None]
    before = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > true) | (probabilities == true) & before).sum(axis=1)


def top_shares(
    probabilities: Floats, labels: NDArray[np.int64], ks: Sequence[int] = (1, 5)
) -> dict[str, Share]:
    """Returns the top-k accuracy for each k below the number of classes."""
    places = ranks(probabilities, labels)
    return {f"top_{k}": share_of(places < k) for k in ks if k < probabilities.shape[1]}


def average_by_group(
    probabilities: Floats, labels: NDArray[np.int64], groups: Sequence[NDArray[np.str_]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Averages the probabilities of each group of examples.

    This is the sum rule of Kittler et al. (On combining classifiers, 1998), the most robust one to
    errors of single predictions. With the product rule, one confident and wrong window can decide,
    and probabilities of 0 need a floor.

    Args:
      probabilities, labels: of the examples; a group has one label.
      groups: arrays [n], such as person and video. Examples that are equal in all arrays form a
        group.

    Returns:
      Probabilities [groups, classes] and labels [groups].
    """
    codes = np.stack([np.unique(group, return_inverse=True)[1] for group in groups], axis=1)
    _, first, member = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    member = member.reshape(-1)
    sums = np.zeros((len(first), probabilities.shape[1]))
    np.add.at(sums, member, probabilities)
    return sums / np.bincount(member)[:, None], labels[first]


def shares_by(correct: NDArray[np.bool_], values: Sequence[str]) -> dict[str, Share]:
    """Returns the accuracy for each value, sorted by value."""
    array = np.array(values)
    return {str(value): share_of(correct[array == value]) for value in np.unique(array)}


def shares_by_meta(
    correct: NDArray[np.bool_],
    identities: NDArray[np.str_],
    meta: Mapping[str, Mapping[str, str]],
    names: Sequence[str] = ("gender", "nationality"),
) -> dict[str, dict[str, Share]]:
    """Returns the accuracy by each field of the metadata file that some of the people have."""
    result = {}
    for name in names:
        values = [meta[who].get(name) or "not said" for who in identities.tolist()]
        if set(values) != {"not said"}:
            result[name] = shares_by(correct, values)
    return result


def calibration(
    probabilities: Floats, labels: NDArray[np.int64], bins: int = CALIBRATION_BINS
) -> Calibration:
    """Computes the expected calibration error (Guo et al., 2017, equation 3).

    The confidence is the largest probability. The bins have equal width and are closed above:
    (0, 1/bins], ..., (1 - 1/bins, 1].
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_correct = ranks(probabilities, labels) == 0
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    sums = (np.bincount(places, values, bins) for values in (confidence, is_correct))
    confident, correct = sums
    sizes = np.maximum(counts, 1)
    return Calibration(
        error=float(np.abs(correct - confident).sum() / len(labels)),
        counts=counts.tolist(),
        confidence=(confident / sizes).tolist(),
        accuracy=(correct / sizes).tolist(),
    )
