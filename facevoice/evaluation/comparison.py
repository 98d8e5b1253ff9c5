"""Compares two models on the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

RESAMPLES = 2000


@dataclass(frozen=True)
class Comparison:
    """Comparison of two models on the same examples.

    Attributes:
      only_first, only_second: number of examples that only one model predicts correctly.
      p_value: of McNemar's exact test, two-sided.
      difference: accuracy of the first model minus that of the second.
      low, high: 95 % bootstrap interval of the difference.
    """

    only_first: int
    only_second: int
    p_value: float
    difference: float
    low: float
    high: float


def compare(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    groups: Sequence[NDArray[np.str_]],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compares two models by their correct predictions.

    McNemar's test (1947), in its exact form a binomial test of the examples on which the models
    disagree, assumes independent examples. The interval (percentile bootstrap; Efron, 1979) does
    not: it resamples whole groups, because predictions for pairs of one video are correlated.

    Args:
      first, second: bool [n], whether each prediction is correct, for the same examples.
      groups: arrays [n], such as person and video. Examples that are equal in all arrays form a
        group.
      resamples: number of bootstrap resamples.
      seed: random seed of the bootstrap.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagreeing = only_first + only_second
    gains = first.astype(np.float64) - second
    codes = np.stack([np.unique(group, return_inverse=True)[1] for group in groups], axis=1)
    member = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    gain, size = np.bincount(member, gains), np.bincount(member)
    random = np.random.default_rng(seed)
    samples = (random.integers(len(size), size=len(size)) for _ in range(resamples))
    differences = [gain[sample].sum() / size[sample].sum() for sample in samples]
    low, high = np.percentile(differences, [2.5, 97.5])
    return Comparison(
        only_first=only_first,
        only_second=only_second,
        p_value=float(binomtest(only_first, disagreeing).pvalue) if disagreeing else 1.0,
        difference=float(gains.mean()),
        low=float(low),
        high=float(high),
    )
