"""Nobody I know: telling people whom a model has never met from its own. Pure arithmetic.

The score is the largest probability (Hendrycks & Gimpel, 2017): every model gives one, and it
needs nothing kept from training. Somebody is accepted as known where it is above a threshold.
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
class Rejection:
    """How well known people are told from unknown ones, at a chosen rate of false accepts.

    Attributes:
      people: unknown people.
      auroc: chance that a known example scores above an unknown one, ties counted half.
      false_accept_rate: that was chosen.
      threshold: somebody whose score is above it is taken for known.
      false_accepts: unknown examples above it; these have chosen it.
      held_out: the same, each unknown person at a threshold that the others have chosen; None
        where there is one person alone.
      accepted: known examples above it.
      identified: known examples above it whose person is named rightly, too.
    """

    people: int
    auroc: float
    false_accept_rate: float
    threshold: float
    false_accepts: Share
    held_out: Share | None
    accepted: Share
    identified: Share


def scores_of(probabilities: Floats) -> NDArray[np.float64]:
    """The largest of [n, classes], which float64 holds exactly."""
    return probabilities.max(axis=1).astype(np.float64)


def threshold_at(unknown: Floats, false_accept_rate: float) -> float:
    """The lowest threshold that no more than this share of unknown scores [n] is above."""
    allowed = int(false_accept_rate * len(unknown))
    return float(np.sort(unknown)[::-1][allowed]) if allowed < len(unknown) else 0.0


def rejection(
    known: Floats,
    right: NDArray[np.bool_],
    unknown: Floats,
    people: NDArray[np.str_],
    false_accept_rate: float,
) -> Rejection:
    """Chooses the threshold and measures it.

    Args:
      known: scores [n] of people whom the model knows.
      right: bool [n], whether it named them rightly.
      unknown: scores [m] of people whom it does not know.
      people: str [m], who they are.
      false_accept_rate: share of unknown examples that may be taken for known.
    """
    threshold = threshold_at(unknown, false_accept_rate)
    names = np.unique(people)
    held_out = np.zeros(len(unknown), bool)
    if len(names) > 1:
        for name in names:
            own = people == name
            held_out[own] = unknown[own] > threshold_at(unknown[~own], false_accept_rate)
    is_known = np.repeat([True, False], [len(known), len(unknown)])
    return Rejection(
        people=len(names),
        auroc=float(roc_auc_score(is_known, np.concatenate([known, unknown]))),
        false_accept_rate=false_accept_rate,
        threshold=threshold,
        false_accepts=share_of(unknown > threshold),
        held_out=share_of(held_out) if len(names) > 1 else None,
        accepted=share_of(known > threshold),
        identified=share_of((known > threshold) & right),
    )
