"""Calibrates verification scores, and measures how well they are calibrated.

A calibrated score is the natural logarithm of the likelihood ratio (LLR) of "same person" to
"different people". Its cost, Cllr, is in bits: 0 is perfect, and 1 is the cost of LLRs that say
nothing. The minimum Cllr is that of the best monotonic calibration, and so measures discrimination
alone. Sources:

N. Brummer, J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech
and Language 20 (2006), for Cllr, and for its minimum by the pool-adjacent-violators algorithm.

N. Brummer, E. de Villiers, "The BOSARIS toolkit", 2011, for prior-weighted logistic regression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

TARGET_PRIOR = 0.5  # of the regression, as in Cllr
# Weight of the squared slope, for scores of standard deviation 1. Without it, the slope is infinite
# where scores of one person and of different people do not overlap.
_PENALTY = 1e-5

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LinearCalibration:
    """A linear calibration: LLR = slope * score + intercept.

    Attributes:
      slope, intercept: of the line.
      same, different: number of trials of one person and of different people it was fitted on.
    """

    slope: float
    intercept: float
    same: int
    different: int

    def __call__(self, scores: Floats) -> NDArray[np.float64]:
        """Returns log-likelihood ratios [n] of scores [n]."""
        return self.slope * scores.astype(np.float64) + self.intercept


def fit_calibration(
    same: Bools, scores: Floats, prior: float = TARGET_PRIOR
) -> LinearCalibration | None:
    """Fits a calibration by logistic regression, in which trials of one person weigh `prior`.

    Args:
      same: bool [trials], whether a trial is of one person.
      scores: float [trials].
      prior: sum of the weights of the trials of one person; the others weigh 1 - prior.

    Returns:
      None if there are no trials of one person, or none of different people, or if all scores are
      equal.
    """
    targets, count = int(same.sum()), len(same)
    values = scores.astype(np.float64)
    if not 0 < targets < count or np.ptp(values) == 0:
        return None
    mean, std = float(values.mean()), float(values.std())
    weights = np.where(same, prior / targets, (1 - prior) / (count - targets))
    regression = LogisticRegression(C=1 / (2 * _PENALTY), tol=1e-8, max_iter=1000)
    regression.fit(((values - mean) / std)[:, None], same, sample_weight=weights)
    slope = float(regression.coef_[0, 0]) / std
    intercept = float(regression.intercept_[0]) - slope * mean - float(logit(prior))
    return LinearCalibration(slope, intercept, targets, count - targets)


def cllr(same: Bools, ratios: Floats) -> float:
    """Returns Cllr, in bits.

    Args:
      same: bool [trials], whether a trial is of one person; both values must occur.
      ratios: float [trials], log-likelihood ratios; may be infinite.
    """
    targets = np.logaddexp(0, -ratios[same]).mean()
    others = np.logaddexp(0, ratios[~same]).mean()
    return float((targets + others) / (2 * math.log(2)))


def min_cllr(same: Bools, scores: Floats) -> float:
    """Returns the minimum Cllr, in bits: that of the best non-decreasing function of the scores.

    Args:
      same: bool [trials], whether a trial is of one person; both values must occur.
      scores: float [trials].
    """
    regression = IsotonicRegression(y_min=0, y_max=1)
    posterior = regression.fit_transform(scores.astype(np.float64), same.astype(np.float64))
    return cllr(same, logit(posterior) - logit(same.mean()))
