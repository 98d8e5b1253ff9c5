"""Metrics of open-set identification: rejecting people who were not in the training data.

The score is the maximum probability (Hendrycks & Gimpel, 2017), which every model provides. An
example with a score above the threshold is accepted as a known person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from facevoice.evaluation.identification import Share, share_of

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class OpenSetMetrics:
    """Metrics of open-set identification at a chosen false acceptance rate.

    Attributes:
      people: number of unknown people.
      auroc: area under the ROC curve of known against unknown examples.
      false_accept_rate: the chosen rate.
      threshold: examples with a higher score are accepted as known.
      false_accepts: share of unknown examples above the threshold, which was set on them.
      held_out: the same with a threshold that is set on all other unknown people; None for a single
        person.
      accepted: share of known examples above the threshold.
      identified: share of known examples above the threshold with the correct person.
    """

    people: int
    auroc: float
    false_accept_rate: float
    threshold: float
    false_accepts: Share
    held_out: Share | None
    accepted: Share
    identified: Share


def max_probability(probabilities: Floats) -> NDArray[np.float64]:
    """Returns the largest probability of each row of [n, classes]."""
    return probabilities.max(axis=1).astype(np.float64)


def threshold_at(unknown: Floats, false_accept_rate: float) -> float:
    """Returns the lowest threshold that at most this share of unknown scores [n] exceeds."""
    allowed = int(false_accept_rate * len(unknown))
    return float(np.sort(unknown)[::-1][allowed]) if allowed < len(unknown) else 0.0


def open_set_metrics(
    known: Floats,
    correct: NDArray[np.bool_],
    unknown: Floats,
    people: NDArray[np.str_],
    false_accept_rate: float,
) -> OpenSetMetrics:
    """Chooses a threshold and computes the metrics at it.

    Args:
      known: scores [n] of known people.
      correct: bool [n], whether their predictions are correct.
      unknown: scores [m] of unknown people.
      people: str [m], the unknown people.
      false_accept_rate: share of unknown examples that may be accepted.
    """
    threshold = threshold_at(unknown, false_accept_rate)
    names = np.unique(people)
    held_out = np.zeros(len(unknown), bool)
    if len(names) > 1:
        for name in names:
            own = people == name
            held_out[own] = unknown[own] > threshold_at(unknown[~own], false_accept_rate)
    is_known = np.repeat([True, False], [len(known), len(unknown)])
    return OpenSetMetrics(
        people=len(names),
        auroc=float(roc_auc_score(is_known, np.concatenate([known, unknown]))),
        false_accept_rate=false_accept_rate,
        threshold=threshold,
        false_accepts=share_of(unknown > threshold),
        held_out=share_of(held_out) if len(names) > 1 else None,
        accepted=share_of(known > threshold),
        identified=share_of((known > threshold) & correct),
    )
