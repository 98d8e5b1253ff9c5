"""Metrics of verification: cosine scores of pairs, error rates and detection costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from facevoice.evaluation.error_rate_interval import equal_error_rate_interval
from facevoice.evaluation.score_calibration import cllr, min_cllr

MAX_PAIRS = 1_000_000
TARGET_PRIORS = (0.01, 0.05)
FALSE_ACCEPT_RATES = (0.1, 0.01, 0.001)
_BLOCK_VALUES = 1 << 24  # values of embeddings per multiplication: 64 MiB

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DetCurve:
    """Detection error trade-off: all operating points, from accepting nothing to accepting all.

    Attributes:
      false_accepts: float [points], false acceptance rate, the share of pairs of different people
        with a score at or above the threshold; rises from 0 to 1.
      misses: float [points], miss rate, the share of pairs of one person with a score below the
        threshold; falls from 1 to 0.
      thresholds: float [points]; the first is infinite.
    """

    false_accepts: NDArray[np.float64]
    misses: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True)
class VerificationMetrics:
    """Metrics of verification.

    Attributes:
      same, different: number of pairs of one person and of two people.
      equal_error_rate: rate at which false rejects are as frequent as false accepts.
      threshold: score at that rate.
      min_dcf: maps a target prior to the minimum detection cost.
      misses: maps a false acceptance rate to the miss rate.
      min_cllr: minimum Cllr, in bits.
      cllr: Cllr of the calibrated scores, in bits; None without a calibration.
      equal_error_rate_low, equal_error_rate_high: 95 % interval of the equal error rate; None if it
        was not computed.
    """

    same: int
    different: int
    equal_error_rate: float
    threshold: float
    min_dcf: dict[str, float]
    misses: dict[str, float]
    min_cllr: float
    cllr: float | None = None
    equal_error_rate_low: float | None = None
    equal_error_rate_high: float | None = None


def sample_pairs(people: NDArray[np.str_], most: int = MAX_PAIRS) -> tuple[Ints, Ints]:
    """Returns all pairs of examples, or a sample of `most` pairs.

    Half of the sample are pairs of one person and half are pairs of two people. Both are drawn
    uniformly with replacement and a fixed seed, so the same examples give the same pairs, and the
    error rates of both kinds are unbiased.

    Args:
      people: str [n], the person of each example; there must be two people, and two examples of
        one person.
      most: maximum number of pairs.

    Returns:
      Two int arrays [pairs] of indices into `people`.
    """
    n = len(people)
    if n * (n - 1) // 2 <= most:
        return np.triu_indices(n, 1)
    random = np.random.default_rng(0)
    _, person, counts = np.unique(people, return_inverse=True, return_counts=True)
    # Sorted by person, so that a partner of the same or of another person is a random number of
    # steps away, modulo the number of examples.
    ordered = np.argsort(person, kind="stable")
    start = (np.cumsum(counts) - counts)[person[ordered]]
    count = counts[person[ordered]]
    same = random.choice(n, most // 2, p=(count - 1) / (count - 1).sum())
    steps = random.integers(1, count[same])
    other_of_same = start[same] + (same - start[same] + steps) % count[same]
    different = random.choice(n, most - most // 2, p=(n - count) / (n - count).sum())
    steps = random.integers(0, n - count[different])
    other_person = (start[different] + count[different] + steps) % n
    first = np.concatenate([same, different])
    second = np.concatenate([other_of_same, other_person])
    return ordered[first], ordered[second]


def normalize(embeddings: Floats) -> NDArray[np.float32]:
    """Scales embeddings [n, size] to length 1; zero vectors stay zero."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (embeddings / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def cosine_scores(embeddings: Floats, first: Ints, second: Ints) -> NDArray[np.float32]:
    """Returns the cosine similarity of embeddings[first] and embeddings[second], float32."""
    normalized = normalize(embeddings)
    scores = np.empty(len(first), np.float32)
    step = max(1, _BLOCK_VALUES // normalized.shape[1])
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        scores[rows] = np.einsum("ij,ij->i", normalized[first[rows]], normalized[second[rows]])
    return scores


def det_curve(same: Bools, scores: Floats) -> DetCurve:
    """Computes the detection error trade-off (DET; Martin et al., 1997).

    It uses scikit-learn's `roc_curve`, because `det_curve` drops the points at both ends.

    Args:
      same: bool [pairs], whether a pair is of one person; both values must occur.
      scores: float [pairs], higher for more similar examples.
    """
    accepts, hits, thresholds = roc_curve(same, scores, drop_intermediate=False)
    return DetCurve(accepts, 1 - hits, thresholds.astype(np.float64))


def equal_error_rate(curve: DetCurve) -> tuple[float, float]:
    """Returns the rate at which false rejects and false accepts are equal, and its threshold.

    The rate is interpolated linearly between the two points around the crossing. The threshold is
    that of the second point.
    """
    gap = curve.misses - curve.false_accepts  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    left, right = curve.false_accepts[after - 1 : after + 1]
    return float(left + part * (right - left)), float(curve.thresholds[after])


def min_dcf(curve: DetCurve, target_prior: float) -> float:
    """Returns the normalised minimum detection cost; 1 is the cost of a constant decision.

    As in NIST's speaker recognition evaluations, the cost is C_miss * P_miss * P_target + C_fa *
    P_fa * (1 - P_target) with C_miss = C_fa = 1, divided by the lower cost of accepting all or
    nothing.
    """
    costs = target_prior * curve.misses + (1 - target_prior) * curve.false_accepts
    return float(costs.min() / min(target_prior, 1 - target_prior))


def verification_metrics(
    same: Bools,
    scores: Floats,
    ratios: Floats | None = None,
    people: tuple[NDArray[np.str_], NDArray[np.str_]] | None = None,
) -> VerificationMetrics | None:
    """Computes all metrics; None if there are no pairs of one person, or none of two people.

    Args:
      same: bool [pairs], whether a pair is of one person.
      scores: float [pairs], higher for more similar examples.
      ratios: float [pairs], the calibrated scores, if there is a calibration.
      people: two arrays str [pairs], the people of both sides, for the interval.
    """
    if same.all() or not same.any():
        return None
    curve = det_curve(same, scores)
    rate, threshold = equal_error_rate(curve)
    points = np.searchsorted(curve.false_accepts, FALSE_ACCEPT_RATES, side="right") - 1
    low, high = (people and equal_error_rate_interval(scores, *people)) or (None, None)
    return VerificationMetrics(
        same=int(same.sum()),
        different=int((~same).sum()),
        equal_error_rate=rate,
        threshold=threshold,
        min_dcf={f"{prior:g}": min_dcf(curve, prior) for prior in TARGET_PRIORS},
        misses={
            f"{rate:g}": float(curve.misses[point])
            for rate, point in zip(FALSE_ACCEPT_RATES, points, strict=True)
        },
        min_cllr=min_cllr(same, scores),
        cllr=None if ratios is None else cllr(same, ratios),
        equal_error_rate_low=low,
        equal_error_rate_high=high,
    )
