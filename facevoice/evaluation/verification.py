"""Are these two the same person? Scores of pairs, and what they are worth: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

MAX_PAIRS = 1_000_000
TARGET_PRIORS = (0.01, 0.05)
FALSE_ACCEPT_RATES = (0.1, 0.01, 0.001)
_VALUES_AT_ONCE = 1 << 24  # of embeddings that are multiplied: 64 MiB

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """Every operating point, from accepting nothing to accepting all (one point a score).

    Attributes:
      false_accepts: float [points], share of pairs of two people that score at the threshold or
        above; it rises from 0 to 1.
      misses: float [points], share of pairs of one person that score below; it falls from 1 to 0.
      thresholds: float [points]; the first is infinite.
    """

    false_accepts: NDArray[np.float64]
    misses: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True)
class Verified:
    """How well scores tell pairs of one person from pairs of two.

    Attributes:
      same, different: counts of pairs.
      equal_error_rate, threshold: where misses are as frequent as false accepts.
      min_dcf: prior of 'same' to the lowest detection cost.
      misses: rate of false accepts to the rate of misses at it.
    """

    same: int
    different: int
    equal_error_rate: float
    threshold: float
    min_dcf: dict[str, float]
    misses: dict[str, float]


def pairs_of(people: NDArray[np.str_], most: int = MAX_PAIRS) -> tuple[Ints, Ints]:
    """Pairs of examples: all of them, or a sample of `most`.

    The sample has `most // 2` pairs of one person and as many of two, each drawn evenly from all
    such pairs, with replacement, by a generator of fixed seed: the same examples give the same
    pairs. The rates of errors within the one kind and the other stay unbiased.

    Args:
      people: str [n], who each example is of: two people or more, and two examples of one.

    Returns:
      Two int arrays [pairs] of places in `people`.
    """
    n = len(people)
    if n * (n - 1) // 2 <= most:
        return np.triu_indices(n, 1)
    draw = np.random.default_rng(0)
    _, person, counts = np.unique(people, return_inverse=True, return_counts=True)
    # By person: those of one person lie side by side, so that others of the same, or of another,
    # person are a number of steps away, in a circle.
    ordered = np.argsort(person, kind="stable")
    start = (np.cumsum(counts) - counts)[person[ordered]]
    count = counts[person[ordered]]
    same = draw.choice(n, most // 2, p=(count - 1) / (count - 1).sum())
    steps = draw.integers(1, count[same])
    other_of_same = start[same] + (same - start[same] + steps) % count[same]
    different = draw.choice(n, most - most // 2, p=(n - count) / (n - count).sum())
    steps = draw.integers(0, n - count[different])
    other_person = (start[different] + count[different] + steps) % n
    first = np.concatenate([same, different])
    second = np.concatenate([other_of_same, other_person])
    return ordered[first], ordered[second]


def unit(embeddings: Floats) -> NDArray[np.float32]:
    """Embeddings [n, size] scaled to length 1; one of zeros stays so, and is like nothing."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (embeddings / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def cosine_scores(embeddings: Floats, first: Ints, second: Ints) -> NDArray[np.float32]:
    """Cosine of the angle between embeddings[first] and embeddings[second], float32 [pairs]."""
    ones = unit(embeddings)
    scores = np.empty(len(first), np.float32)
    step = max(1, _VALUES_AT_ONCE // ones.shape[1])
    for at in range(0, len(first), step):
        rows = slice(at, at + step)
        scores[rows] = np.einsum("ij,ij->i", ones[first[rows]], ones[second[rows]])
    return scores


def curve_of(same: Bools, scores: Floats) -> Curve:
    """The detection error trade-off (DET; Martin et al., 1997).

    scikit-learn's `roc_curve` and not its `det_curve`, which leaves out the points at either end.

    Args:
      same: bool [pairs], one person or two; both must occur.
      scores: float [pairs], higher where more alike.
    """
    accepts, hits, thresholds = roc_curve(same, scores, drop_intermediate=False)
    return Curve(accepts, 1 - hits, thresholds.astype(np.float64))


def equal_error_rate(curve: Curve) -> tuple[float, float]:
    """The rate at which misses and false accepts are equal, and the threshold there.

    Between the last point with more misses and the next one, the curve is taken for a straight
    line; the threshold is that of the latter point.
    """
    gap = curve.misses - curve.false_accepts  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    left, right = curve.false_accepts[after - 1 : after + 1]
    return float(left + part * (right - left)), float(curve.thresholds[after])


def min_dcf(curve: Curve, target_prior: float) -> float:
    """The lowest detection cost of any threshold, 1 being that of not listening at all.

    NIST's speaker recognition evaluations: C_miss * P_miss * P_target + C_fa * P_fa * (1 -
    P_target), with C_miss = C_fa = 1, over the lower of what accepting all and nothing cost.
    """
    costs = target_prior * curve.misses + (1 - target_prior) * curve.false_accepts
    return float(costs.min() / min(target_prior, 1 - target_prior))


def verified(same: Bools, scores: Floats) -> Verified | None:
    """All measures of some scores; None where pairs of one person, or of two, are wanting."""
    if same.all() or not same.any():
        return None
    curve = curve_of(same, scores)
    rate, threshold = equal_error_rate(curve)
    reached = np.searchsorted(curve.false_accepts, FALSE_ACCEPT_RATES, side="right") - 1
    return Verified(
        same=int(same.sum()),
        different=int((~same).sum()),
        equal_error_rate=rate,
        threshold=threshold,
        min_dcf={f"{prior:g}": min_dcf(curve, prior) for prior in TARGET_PRIORS},
        misses={
            f"{rate:g}": float(curve.misses[at])
            for rate, at in zip(FALSE_ACCEPT_RATES, reached, strict=True)
        },
    )
