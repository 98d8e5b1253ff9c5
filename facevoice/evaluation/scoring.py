"""Scores trials: raw, normalised (AS-norm), and calibrated.

Trials compare examples of one modality, or of a face and a voice. Scores of a face and a voice are
fused by the rule of the galleries: each cosine in standard deviations above the mean cosine of
different people, here those of the cohort, summed up and divided by the square root of 2.
Normalised scores are on one scale already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.score_calibration import LinearCalibration, fit_calibration
from facevoice.evaluation.score_normalization import (
    DEFAULT_TOP,
    MIN_STD,
    PersonEmbeddings,
    as_norm,
)
from facevoice.evaluation.verification import (
    cosine_scores,
    normalize,
    sample_pairs,
    verification_metrics,
)

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Texts = NDArray[np.str_]
Examples = Mapping[str, PersonEmbeddings]  # modality to the same examples


@dataclass(frozen=True, eq=False)
class TrialScores:
    """Scores of trials, each float [trials].

    Attributes:
      raw: cosine similarities; of two modalities, see the module.
      as_norm: normalised scores; None without a cohort.
      raw_llr, as_norm_llr: the same, calibrated; None without a calibration.
    """

    raw: Floats
    as_norm: Floats | None = None
    raw_llr: Floats | None = None
    as_norm_llr: Floats | None = None

    def where(self, mask: Bools) -> TrialScores:
        """Returns the scores of the trials at which `mask` is True."""
        return TrialScores(**{name: scores[mask] for name, scores in self.items()})

    def items(self) -> list[tuple[str, Floats]]:
        """Returns the names and the scores that there are."""
        return [(name, scores) for name, scores in vars(self).items() if scores is not None]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores trials.

    Attributes:
      cohort: the cohort, by modality; empty without AS-norm. Needed for two modalities.
      top: number of cohort scores for AS-norm; 0 for none.
      raw_calibration, as_norm_calibration: of both kinds of scores, if there are any.
    """

    cohort: Examples
    top: int = DEFAULT_TOP
    raw_calibration: LinearCalibration | None = None
    as_norm_calibration: LinearCalibration | None = None

    def __call__(self, examples: Examples, first: Ints, second: Ints) -> TrialScores:
        """Returns the scores of trials.

        Args:
          examples: the examples that are compared, by modality.
          first, second: int [trials], rows of the examples.
        """
        cosines = {
            modality: cosine_scores(each.embeddings, first, second)
            for modality, each in examples.items()
        }
        raw, normalised = self._fused(cosines), None
        if self.cohort and self.top:
            found = [
                as_norm(cosines[each], examples[each], first, second, self.cohort[each], self.top)
                for each in examples
            ]
            usable = [each for each in found if each is not None]
            if len(usable) == len(found):
                normalised = np.sum(usable, axis=0) / math.sqrt(len(usable))
        return TrialScores(
            raw,
            normalised,
            _calibrated(self.raw_calibration, raw),
            _calibrated(self.as_norm_calibration, normalised),
        )

    def calibrated_on(self, examples: Examples, videos: Sequence[Texts]) -> Scorer:
        """Returns this scorer with calibrations that are fitted on the pairs of some examples.

        Pairs of one person in one video are left out if there are others, because they are more
        similar than those of listed trials.

        Args:
          examples: by modality, such as those of the validation split.
          videos: arrays str [examples], such as the videos of the faces and of the clips.
        """
        people = next(iter(examples.values())).people
        if not has_both_kinds(people):
            return self
        first, second = sample_pairs(people)
        same = people[first] == people[second]
        across = ~(same & same_video(videos, first, second))
        if (same & across).any():
            first, second, same = first[across], second[across], same[across]
        scores = self(examples, first, second)
        normalised = scores.as_norm
        return replace(
            self,
            raw_calibration=fit_calibration(same, scores.raw),
            as_norm_calibration=None if normalised is None else fit_calibration(same, normalised),
        )

    def describe(self) -> dict[str, Any]:
        """Returns the entries of metrics.json about cohort and calibration."""
        cohort = next(iter(self.cohort.values())) if self.cohort and self.top else None
        found = self.raw_calibration
        return {
            "cohort": cohort
            and {
                "examples": len(cohort.people),
                "people": len(set(cohort.people.tolist())),
                "top": self.top,
            },
            "score_calibration": found and asdict(found),
            "as_norm_calibration": self.as_norm_calibration and asdict(self.as_norm_calibration),
        }

    def _fused(self, cosines: Mapping[str, Floats]) -> Floats:
        if len(cosines) == 1:
            return next(iter(cosines.values()))
        scaled = []
        for modality, values in cosines.items():
            mean, std = _moments_of_others(self.cohort[modality])
            scaled.append((values - mean) / std)
        return np.asarray(np.sum(scaled, axis=0) / math.sqrt(len(scaled)))


def has_both_kinds(people: Texts) -> bool:
    """Returns whether examples have pairs of one person and of two people."""
    return 1 < len(set(people.tolist())) < len(people)


def same_video(videos: Sequence[Texts], first: Ints, second: Ints) -> Bools:
    """Returns bool [trials], whether both sides are of one video in any of `videos`."""
    found = [each[first] == each[second] for each in videos]
    return np.asarray(np.any(found, axis=0))


def average_by(embeddings: Floats, keys: Sequence[Texts]) -> tuple[NDArray[np.float32], Ints, Ints]:
    """Averages the normalised embeddings of examples that are equal in all keys.

    Args:
      embeddings: float [n, size].
      keys: arrays str [n], such as person and clip.

    Returns:
      The means, float32 [groups, size]; the first example of each group, int [groups]; and the
      group of each example, int [n].
    """
    codes = np.stack([np.unique(key, return_inverse=True)[1] for key in keys], axis=1)
    _, first, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    sums = np.zeros((len(first), embeddings.shape[1]), np.float32)
    np.add.at(sums, group, normalize(embeddings))
    return sums / np.bincount(group)[:, None].astype(np.float32), first, group


def score_metrics(
    same: Bools, scores: TrialScores, people: tuple[Texts, Texts] | None = None
) -> dict[str, Any] | None:
    """Returns the metrics of raw scores, and those of normalised ones as `as_norm`.

    Args:
      same: bool [trials], whether a trial is of one person.
      scores: of the trials.
      people: two arrays str [trials], the people of both sides, for the intervals.

    Returns:
      None if there are no trials of one person, or none of different people.
    """
    raw = verification_metrics(same, scores.raw, scores.raw_llr, people)
    if raw is None:
        return None
    normalised = None
    if scores.as_norm is not None:
        normalised = verification_metrics(same, scores.as_norm, scores.as_norm_llr, people)
    return {**asdict(raw), "as_norm": normalised and asdict(normalised)}


def _calibrated(calibration: LinearCalibration | None, scores: Floats | None) -> Floats | None:
    return None if calibration is None or scores is None else calibration(scores)


def _moments_of_others(examples: PersonEmbeddings) -> tuple[float, float]:
    """Returns mean and standard deviation of the cosines of different people."""
    first, second = sample_pairs(examples.people)
    others = examples.people[first] != examples.people[second]
    cosines = cosine_scores(examples.embeddings, first[others], second[others])
    return float(cosines.mean()), max(float(cosines.std()), MIN_STD)
