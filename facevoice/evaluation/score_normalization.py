"""Normalises verification scores with a cohort of other people.

Adaptive symmetric score normalisation (AS-norm1) of P. Matejka, O. Novotny, O. Plchot, L. Burget,
M. Diez Sanchez, J. Cernocky, "Analysis of Score Normalization in Multilingual Speaker Recognition",
Interspeech 2017:

    s'(e, t) = ((s(e, t) - mean(S_e)) / std(S_e) + (s(e, t) - mean(S_t)) / std(S_t)) / 2

where S_e are the `top` highest scores of one side of the trial with the examples of the cohort, and
S_t are those of the other side. Examples of the people of the trial itself are left out of its
cohort, so a cohort of the same people as in the trials can be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.verification import normalize

DEFAULT_TOP = 300
MIN_COHORT = 10  # scores; mean and standard deviation of fewer are not used
_MIN_STD = 1e-6

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class PersonEmbeddings:
    """Embeddings of examples whose person is known.

    Attributes:
      embeddings: float [n, size].
      people: str [n], the person of each example; '' if unknown.
    """

    embeddings: Floats
    people: Texts


def as_norm(
    scores: Floats,
    examples: PersonEmbeddings,
    first: Ints,
    second: Ints,
    cohort: PersonEmbeddings,
    top: int = DEFAULT_TOP,
) -> NDArray[np.float64] | None:
    """Returns normalised scores, float64 [trials].

    Args:
      scores: cosine similarities [trials].
      examples: the examples that are compared.
      first, second: int [trials], rows of `examples`.
      cohort: examples to compare each side with; those of a trial's people are left out.
      top: number of highest cohort scores that are used; all, if there are fewer.

    Returns:
      None if a trial has fewer than MIN_COHORT cohort examples of other people.
    """
    one = cohort_moments(examples, first, second, cohort, top)
    other = cohort_moments(examples, second, first, cohort, top)
    if one is None or other is None:
        return None
    return np.asarray(((scores - one[0]) / one[1] + (scores - other[0]) / other[1]) / 2)


def cohort_moments(
    examples: PersonEmbeddings, rows: Ints, partners: Ints, cohort: PersonEmbeddings, top: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Returns mean and standard deviation of the highest cohort scores of one side of trials.

    Args:
      examples: the examples that are compared.
      rows: int [trials], the side whose scores are used.
      partners: int [trials], the other side, whose person is left out of the cohort, too.
      cohort, top: see `as_norm`.

    Returns:
      Two float64 arrays [trials]; None if a trial has fewer than MIN_COHORT scores.
    """
    numbers = {person: i for i, person in enumerate(np.unique(cohort.people).tolist())}
    cohort_person = np.array([numbers[person] for person in cohort.people.tolist()], np.int64)
    person = np.array([numbers.get(each, -1) for each in examples.people.tolist()], np.int64)
    most = int(np.bincount(cohort_person).max(initial=0))  # examples of one person
    unit, cohort_unit = normalize(examples.embeddings), normalize(cohort.embeddings)
    means, stds = np.empty((2, len(rows)))
    order = np.argsort(rows, kind="stable")
    used, starts = np.unique(rows[order], return_index=True)
    for row, trials in zip(used, np.split(order, starts[1:]), strict=True):
        others = cohort_person != person[row]
        found, people = (cohort_unit @ unit[row])[others].astype(np.float64), cohort_person[others]
        # Leaving out the partner's person removes at most `most` of them.
        highest = np.argsort(-found, kind="stable")[: top + most]
        found, people = found[highest], people[highest]
        excluded, trial_excluded = np.unique(person[partners[trials]], return_inverse=True)
        used_scores = people != excluded[:, None]  # [excluded, scores]
        used_scores &= np.cumsum(used_scores, axis=1) <= top
        counts = used_scores.sum(axis=1)
        if counts.min() < MIN_COHORT:
            return None
        mean = (used_scores @ found) / counts
        variance = (used_scores @ found**2) / counts - mean**2
        std = np.sqrt(np.maximum(variance, _MIN_STD**2))
        means[trials], stds[trials] = mean[trial_excluded], std[trial_excluded]
    return means, stds
