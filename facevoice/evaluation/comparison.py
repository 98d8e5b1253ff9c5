"""Is one model better than another? Both asked about the same examples: pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

RESAMPLES = 2000


@dataclass(frozen=True)
class Comparison:
    """Two models on the same examples.

    Attributes:
      only_first, only_second: examples that only one of them answers rightly.
      p_value: of McNemar's exact test, two-sided.
      difference: accuracy of the first less that of the second.
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
    """Compares two models by what each has answered rightly.

    The test (McNemar, 1947; its exact form is a binomial test of the examples on which the models
    disagree) takes examples for independent. The interval (percentile bootstrap; Efron, 1979) does
    not: it draws whole groups anew, as the pairs of one video tend to be right or wrong together.

    Args:
      first, second: bool [n], right or not, of the same examples in the same order.
      groups: arrays [n], such as person and video; examples that agree in all are drawn together.
      resamples, seed: of the bootstrap.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagreeing = only_first + only_second
    gains = first.astype(np.float64) - second
    codes = np.stack([np.unique(group, return_inverse=True)[1] for group in groups], axis=1)
    member = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    gain, size = np.bincount(member, gains), np.bincount(member)
    draw = np.random.default_rng(seed)
    drawn = (draw.integers(len(size), size=len(size)) for _ in range(resamples))
    differences = [gain[chosen].sum() / size[chosen].sum() for chosen in drawn]
    low, high = np.percentile(differences, [2.5, 97.5])
    return Comparison(
        only_first=only_first,
        only_second=only_second,
        p_value=float(binomtest(only_first, disagreeing).pvalue) if disagreeing else 1.0,
        difference=float(gains.mean()),
        low=float(low),
        high=float(high),
    )
