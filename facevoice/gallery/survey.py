"""Finds likely mistakes in a gallery: people under two names, and samples of the wrong person.

Duplicates are two names with a pair of samples that are more similar than samples of different
people are: the threshold is the score that any of the compared pairs of samples would exceed with
probability RATE (see `impostors`). The distribution of these scores is that of the gallery, or,
with fewer than MIN_PEOPLE people, the default of the encoder if it has one.

Outliers are samples that are nearer to another person than to the other samples of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facevoice.gallery.gallery import Samples
from facevoice.gallery.impostors import ENCODER_IMPOSTORS, MIN_PEOPLE, Impostors
from facevoice.gallery.search import PersonScores

RATE = 0.01
_BLOCK_SCORES = 1 << 24  # scores at a time: 64 MiB


@dataclass(frozen=True)
class Duplicate:
    """Two names with similar samples; the most similar pair, and its cosine."""

    names: tuple[str, str]
    media: tuple[str, str]
    score: float


@dataclass(frozen=True)
class Outlier:
    """A sample that is nearer to another person.

    Attributes:
      name, media: the person that it was enrolled as, and its file.
      score: its score for the other samples of this person.
      nearest: the other person.
      nearest_score: its score for this person.
    """

    name: str
    media: str
    score: float
    nearest: str
    nearest_score: float


def find_duplicates(samples: Samples) -> list[Duplicate]:
    """Returns pairs of names with similar samples, most similar first.

    Compares all samples with each other, in blocks.
    """
    person = PersonScores(samples).rows
    pairs = len(person) * (len(person) - 1) // 2 - int(
        sum(count * (count - 1) // 2 for count in np.bincount(person))
    )
    if pairs < 2:
        return []
    threshold = _unlikely_score(samples, person, pairs)
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for start, scores in _blocks(samples.embeddings):
        scores[person[start : start + len(scores), None] >= person] = -1  # each pair once
        for i, other in np.argwhere(scores > threshold).tolist():
            score, key = float(scores[i, other]), (int(person[start + i]), int(person[other]))
            best[key] = max(best.get(key, (-1.0, 0, 0)), (score, start + i, other))
    found = sorted(best.values(), key=lambda each: (-each[0], each[1:]))
    return [
        Duplicate(
            (samples.names[row], samples.names[other]),
            (samples.sources[row].media, samples.sources[other].media),
            score,
        )
        for score, row, other in found
    ]


def find_outliers(samples: Samples) -> list[Outlier]:
    """Returns the samples that are nearer to another person, the clearest first.

    The only sample of a person cannot be judged.
    """
    score = PersonScores(samples)
    own = score.of_own(samples)
    found = []
    step = max(1, _BLOCK_SCORES // len(score.names))
    for start in range(0, len(samples), step):
        rows = np.arange(start, min(start + step, len(samples)))
        others = np.nan_to_num(score.of_others(samples.embeddings[rows], rows), nan=-2)
        nearest = others.argmax(axis=1)
        highest = others[np.arange(len(rows)), nearest]
        for i in np.flatnonzero(highest > own[rows]):  # False if there is no own score
            row = int(rows[i])
            found.append(
                Outlier(
                    samples.names[row],
                    samples.sources[row].media,
                    float(own[row]),
                    score.names[int(nearest[i])],
                    float(highest[i]),
                )
            )
    return sorted(found, key=lambda each: each.score - each.nearest_score)


def _unlikely_score(samples: Samples, person: NDArray[np.int64], pairs: int) -> float:
    """Returns the score that any of `pairs` pairs of different people exceeds with chance RATE."""
    default = ENCODER_IMPOSTORS.get(samples.encoder.name)
    if default and person[-1] + 1 < MIN_PEOPLE:
        return default.exceeded_with(RATE, pairs)
    mean, square = _pair_moments(samples.embeddings.astype(np.float64), person, pairs)
    std = math.sqrt(max(0.0, square - mean**2))
    return Impostors(mean, std).exceeded_with(RATE, pairs) if std else mean


def _pair_moments(
    embeddings: NDArray[np.float64], person: NDArray[np.int64], pairs: int
) -> tuple[float, float]:
    """Returns the means of the cosine and its square over the pairs of different people.

    Their sums over all pairs are the squared norms of the sums of x and of x x^T.
    """

    def sums(rows: NDArray[np.float64]) -> tuple[float, float]:
        total, moments = rows.sum(axis=0), rows.T @ rows
        return float(total @ total), float((moments * moments).sum())

    first, second = sums(embeddings)
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    for rows in np.split(embeddings, starts[1:]):
        own_first, own_second = sums(rows)
        first, second = first - own_first, second - own_second
    return first / (2 * pairs), second / (2 * pairs)


def _blocks(embeddings: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yields the first row of a block, and its cosines, float32 [block, samples]."""
    step = max(1, _BLOCK_SCORES // len(embeddings))
    for start in range(0, len(embeddings), step):
        yield start, embeddings[start : start + step] @ embeddings.T
