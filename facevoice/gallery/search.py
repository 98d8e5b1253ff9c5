"""Scores the people of a gallery for a query: an embedding of a face, of a voice, or both.

The score of a person for one embedding is the mean of its cosines with the person's samples of that
modality. This is one product with the mean of the samples. Its expectation does not depend on how
many samples a person has, unlike the cosine with a normalised mean or the highest cosine.

For a face and a voice, each score is first expressed in standard deviations above the mean score of
other people (z-normalisation), because cosines of different encoders have different ranges. The
fused score is the sum divided by the square root of 2, so that it has the same scale. A modality in
which a person has no sample counts as 0, the mean of other people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facevoice.gallery.gallery import Gallery, Samples
from facevoice.gallery.impostors import Impostors

Floats = NDArray[np.float32]


class PersonScores:
    """Scores of all people in one modality.

    Attributes:
      names: the people, sorted.
      counts: int64 [people], the number of samples.
      rows: int64 [samples], the index of each sample's person.
    """

    def __init__(self, samples: Samples) -> None:
        names, first, self.counts = np.unique(
            np.array(samples.names, object), return_index=True, return_counts=True
        )
        self.names: tuple[str, ...] = tuple(names.tolist())
        self.rows = np.repeat(np.arange(len(names)), self.counts)
        sums = np.add.reduceat(samples.embeddings, first, axis=0)  # samples are sorted by name
        self._means = sums / self.counts[:, None].astype(np.float32)

    def __call__(self, queries: Floats) -> Floats:
        """Returns the scores, float32 [queries, people], of embeddings [queries, dimension]."""
        return queries @ self._means.T

    def of_others(self, queries: Floats, rows: NDArray[np.int64]) -> Floats:
        """Returns the scores of enrolled samples; those for their own person are NaN.

        Args:
          queries: float32 [queries, dimension].
          rows: int64 [queries], the index of each sample.
        """
        scores = self(queries)
        scores[np.arange(len(rows)), self.rows[rows]] = np.nan
        return scores

    def of_own(self, samples: Samples) -> Floats:
        """Returns each sample's score for its person's other samples, float32 [samples].

        It is NaN for the only sample of a person.
        """
        own = np.einsum("ij,ij->i", samples.embeddings, self._means[self.rows])
        counts = self.counts[self.rows].astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(counts > 1, (own * counts - 1) / (counts - 1), np.nan)


class Search:
    """Scores people by one modality or by both.

    Attributes:
      names: the people that can be found, sorted.
      modalities: of the queries.
    """

    def __init__(
        self, gallery: Gallery, modalities: tuple[str, ...], impostors: Mapping[str, Impostors]
    ) -> None:
        """Prepares a search, so that each query costs one product with the means of the people.

        Args:
          gallery: the gallery, which has samples of each modality.
          modalities: of the queries.
          impostors: modality to the scores of other people; needed for two modalities.
        """
        self.modalities = modalities
        self._impostors = impostors
        self._scores = {each: PersonScores(gallery.samples[each]) for each in modalities}
        self.names = tuple(sorted(set().union(*(each.names for each in self._scores.values()))))
        self._columns = {
            modality: np.searchsorted(np.array(self.names, object), np.array(each.names, object))
            for modality, each in self._scores.items()
        }

    def __call__(self, queries: Mapping[str, Floats]) -> Floats:
        """Returns the scores, float32 [queries, people].

        Args:
          queries: modality to float32 [queries, dimension], L2-normalised.
        """
        if len(self.modalities) == 1:
            (modality,) = self.modalities
            return self._scores[modality](queries[modality])
        fused = sum(self.standardised(queries).values(), start=np.float32(0))
        return np.asarray(fused / np.float32(math.sqrt(len(self.modalities))), np.float32)

    def standardised(self, queries: Mapping[str, Floats]) -> dict[str, Floats]:
        """Returns the scores of each of two modalities, float32 [queries, people].

        They are in standard deviations above the mean of other people; 0 for people without a
        sample of the modality.

        Args:
          queries: as above.
        """
        found = {}
        for modality in self.modalities:
            scale = self._impostors[modality]
            scores = self._scores[modality](queries[modality])
            found[modality] = np.zeros((len(scores), len(self.names)), np.float32)
            found[modality][:, self._columns[modality]] = (scores - scale.mean) / scale.std
        return found


def best_matches(names: tuple[str, ...], scores: Floats, top: int) -> list[tuple[str, float]]:
    """Returns the people with the highest scores, highest first.

    Args:
      names: the people.
      scores: float32 [people].
      top: how many people.
    """
    order = np.argsort(-scores, kind="stable")[:top]
    return [(names[i], float(scores[i])) for i in order]
