"""Bootstrap intervals of equal error rates.

Trials share people, so they are not independent: whole people are resampled, with all of their
trials (the subset bootstrap; N. Poh, A. Martin, S. Bengio, "Performance generalization in biometric
authentication using joint user-specific and sample bootstraps", IEEE PAMI 29, 2007). With few
people the interval is wide, and only approximate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 200
MAX_TRIALS = 200_000  # that are resampled; of more, this many are drawn

Floats = NDArray[np.floating[Any]]
Texts = NDArray[np.str_]


def equal_error_rate_interval(
    scores: Floats, first: Texts, second: Texts, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """Returns the 95 % interval of the equal error rate (percentile bootstrap over people).

    A person drawn n times has its trials of the same person n times; a person drawn n times and
    another one drawn m times have the trials of both n * m times.

    Args:
      scores: float [trials].
      first, second: str [trials], the people of both sides; trials are of one person where they are
        equal. There must be trials of both kinds.
      resamples: number of resamples.
      seed: random seed of the bootstrap.

    Returns:
      None if all resamples lack a kind of trials.
    """
    random = np.random.default_rng(seed)
    if len(scores) > MAX_TRIALS:
        kept = np.sort(random.choice(len(scores), MAX_TRIALS, replace=False))
        scores, first, second = scores[kept], first[kept], second[kept]
    names, people = np.unique(np.concatenate([first, second]), return_inverse=True)
    order = np.argsort(-scores, kind="stable")
    one, other = people[: len(scores)][order], people[len(scores) :][order]
    same = one == other
    last_of_ties = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    rates = []
    for _ in range(resamples):
        drawn = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        weights = np.where(same, drawn[one], drawn[one] * drawn[other])
        hits = np.cumsum(np.where(same, weights, 0))[last_of_ties]
        accepts = np.cumsum(np.where(same, 0, weights))[last_of_ties]
        if hits[-1] and accepts[-1]:
            rates.append(_crossing(1 - hits / hits[-1], accepts / accepts[-1]))
    if not rates:
        return None
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)


def _crossing(misses: NDArray[np.float64], false_accepts: NDArray[np.float64]) -> float:
    """Returns the rate at which misses, which fall, and false accepts, which rise, are equal."""
    after = int(np.argmax(misses <= false_accepts))
    miss, accept = (misses[after - 1], false_accepts[after - 1]) if after else (1.0, 0.0)
    gap, next_gap = miss - accept, misses[after] - false_accepts[after]
    part = gap / (gap - next_gap)
    return float(accept + part * (false_accepts[after] - accept))
