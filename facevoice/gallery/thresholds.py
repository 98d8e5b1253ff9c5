"""Chooses the score above which a person is named rather than 'unknown'.

The false acceptance rate of identification is the share of queries by people who are not enrolled
that get the name of someone. It is measured with the gallery itself: each sample is compared with
all people but its own, and its highest score is one impostor score. The threshold is the lowest
that at most the requested share of the impostor scores exceeds.

This needs MIN_PEOPLE people, and at least 3 / rate impostor scores: of 3 / rate independent queries
without a single false accept, the rate is at most `rate` with 95 % confidence (the rule of three;
Hanley & Lippman-Hand, 1983). Samples of one person are not independent, so that is a lower bound on
what is needed.

A smaller gallery uses the default of the encoder: the distribution of the scores of different
people in `impostors.ENCODER_IMPOSTORS`, and as many independent comparisons as the gallery has
people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.features.audio import spread_indices
from facevoice.gallery.gallery import Gallery, GalleryError
from facevoice.gallery.impostors import ENCODER_IMPOSTORS, MIN_PEOPLE, Impostors, fused
from facevoice.gallery.search import Floats, PersonScores, Search
from tfdata.text import counted, listed

DEFAULT_FALSE_ACCEPT_RATE = 0.01
MAX_QUERIES = 2000  # samples that are compared with all people, spread evenly over the gallery
_UNKNOWN_ENCODER = Impostors(0, 1)  # leaves scores as they are


@dataclass(frozen=True)
class Threshold:
    """A threshold for scores, and where it comes from.

    Attributes:
      value: scores above it are accepted; None if the encoder has no default, which is then needed.
      false_accept_rate: the requested share of unknown people that are accepted.
      impostor_scores: number of scores of the gallery that it was computed from; 0 for a default.
      source: the same as text, a clause.
    """

    value: float | None
    false_accept_rate: float
    impostor_scores: int
    source: str

    def describe(self, among: str = "") -> str:
        """Returns one sentence; `among` says who is searched, such as "among 3 people"."""
        if self.value is None:
            return f"No threshold: {self.source}."
        rate = f"a false acceptance rate of {self.false_accept_rate:.3g}"
        return (
            f"The threshold is {self.value:.3f} for {rate}{among and f' {among}'}: {self.source}."
        )


def calibrate(
    gallery: Gallery, modalities: tuple[str, ...], false_accept_rate: float
) -> tuple[Search, Threshold]:
    """Returns the search of a gallery and its threshold.

    Args:
      gallery: the gallery.
      modalities: of the queries.
      false_accept_rate: above 0, at most 1.

    Raises:
      GalleryError: the gallery has no samples of a modality.
    """
    needed = math.ceil(3 / false_accept_rate)
    if missing := [each for each in modalities if each not in gallery.samples]:
        raise GalleryError(f"The gallery has no samples of {' or '.join(missing)}.")
    encoders = [gallery.samples[each].encoder for each in modalities]
    search = default_search(gallery, modalities)
    rows = _query_rows(gallery, modalities)
    people = min(len(set(gallery.samples[each].names)) for each in modalities)
    if people < MIN_PEOPLE or len(rows) < needed:
        few = (
            f"the gallery has {counted(len(rows), 'impostor score')} of "
            f"{counted(people, 'person', 'people')}, and {needed} of {MIN_PEOPLE} people are needed"
        )
        return search, default_threshold(encoders, false_accept_rate, len(search.names), few)
    if len(modalities) > 1:
        own = {each: gallery_impostors(gallery, each) for each in modalities}
        search = Search(gallery, modalities, own)
    rows = rows[spread_indices(len(rows), max(MAX_QUERIES, needed))]
    scores = best_other_scores(search, gallery, rows)
    source = f"{counted(len(scores), 'impostor score')} of {counted(people, 'person', 'people')}"
    value = quantile_threshold(scores, false_accept_rate)
    return search, Threshold(value, false_accept_rate, len(scores), f"from {source} of the gallery")


def default_search(gallery: Gallery, modalities: tuple[str, ...]) -> Search:
    """Returns the search of a gallery with the default distributions of its encoders."""
    names = {each: gallery.samples[each].encoder.name for each in modalities}
    defaults = {each: ENCODER_IMPOSTORS.get(names[each], _UNKNOWN_ENCODER) for each in modalities}
    return Search(gallery, modalities, defaults)


def default_threshold(
    encoders: list[EncoderInfo], false_accept_rate: float, people: int, reason: str
) -> Threshold:
    """Returns the default threshold of encoders for a search among a number of people.

    Args:
      encoders: of the modalities of the queries.
      false_accept_rate: above 0, at most 1.
      people: how many people a query is compared with; 1 for verification.
      reason: why the default is used, a clause; may be empty.
    """
    names = [each.name for each in encoders]
    if unknown := [name for name in names if name not in ENCODER_IMPOSTORS]:
        source = f"{listed(unknown)} has no default threshold{f', and {reason}' if reason else ''}"
        return Threshold(None, false_accept_rate, 0, source)
    impostors = [ENCODER_IMPOSTORS[name] for name in names]
    distribution = impostors[0] if len(impostors) == 1 else fused(impostors)
    value = distribution.exceeded_with(false_accept_rate, people)
    source = f"the default of {listed(names)}{f', as {reason}' if reason else ''}"
    return Threshold(value, false_accept_rate, 0, source)


def quantile_threshold(scores: Floats, rate: float) -> float:
    """Returns the lowest threshold that at most this share of scores [n] exceeds."""
    allowed = int(rate * len(scores))
    return float(np.sort(scores)[::-1][allowed]) if allowed < len(scores) else -math.inf


def gallery_impostors(gallery: Gallery, modality: str) -> Impostors:
    """Returns mean and standard deviation of samples' scores for the people they are not of."""
    samples = gallery.samples[modality]
    score = PersonScores(samples)
    rows = spread_indices(len(samples), MAX_QUERIES)
    scores = score.of_others(samples.embeddings[rows], rows)
    return Impostors(float(np.nanmean(scores)), float(np.nanstd(scores)))


def best_other_scores(search: Search, gallery: Gallery, rows: NDArray[np.int64]) -> Floats:
    """Returns the highest score of samples among the people they are not of, float32 [queries].

    Args:
      search: the search of the gallery.
      gallery: the gallery.
      rows: int64 [queries, modalities], of the samples of each query.
    """
    queries = {
        each: gallery.samples[each].embeddings[rows[:, column]]
        for column, each in enumerate(search.modalities)
    }
    scores = search(queries)
    first = gallery.samples[search.modalities[0]]
    own = np.searchsorted(
        np.array(search.names, object), np.array([first.names[row] for row in rows[:, 0]], object)
    )
    scores[np.arange(len(rows)), own] = -np.inf
    return scores.max(axis=1)


def _query_rows(gallery: Gallery, modalities: tuple[str, ...]) -> NDArray[np.int64]:
    """Returns the rows of the samples that are queries, int64 [queries, modalities].

    For two modalities, the first face of a person goes with the first clip, and so on.
    """
    rows: list[dict[str, list[int]]] = []
    for modality in modalities:
        of_person: dict[str, list[int]] = {}
        for row, name in enumerate(gallery.samples[modality].names):
            of_person.setdefault(name, []).append(row)
        rows.append(of_person)
    found = [
        group
        for name, first in rows[0].items()
        for group in zip(first, *(each.get(name, []) for each in rows[1:]), strict=False)
    ]
    return np.array(found, np.int64).reshape(-1, len(modalities))
