"""Makes the scorers of a run: cohort and calibration from the embeddings of its model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.predictions import Predictions, predict_splits
from facevoice.evaluation.runs import Run
from facevoice.evaluation.score_normalization import DEFAULT_TOP, PersonEmbeddings
from facevoice.evaluation.scoring import Examples, Floats, Scorer, average_by
from tfdata.manifest import Manifest

MAX_EXAMPLES = 5000  # of the cohort, and for the calibration
_MODEL = "model"  # the only modality


@dataclass(frozen=True, eq=False)
class ScoringData:
    """Predictions of a run that its scores are normalised and calibrated with.

    Attributes:
      training: the cohort; None for no AS-norm.
      validation: for the calibrations; None for none.
      top: number of cohort scores for AS-norm.
    """

    training: Predictions | None
    validation: Predictions | None
    top: int

    def scorer(self, *, of_clips: bool = False) -> Scorer:
        """Returns the scorer of examples, or of clips, whose windows are averaged."""
        scorer = Scorer({}, self.top)
        if self.training:
            scorer = Scorer(_examples(self.training, of_clips)[0], self.top)
        if self.validation:
            examples, videos = _examples(self.validation, of_clips)
            scorer = scorer.calibrated_on(examples, [videos])
        return scorer


def scoring_data(
    run: Run, data_dir: Path, manifest: Manifest, split: str, top: int = DEFAULT_TOP
) -> ScoringData:
    """Predicts what the scores of a run are normalised and calibrated with.

    The cohort is the training split. Calibrations are fitted on the validation split, unless that
    is the evaluated one. Of each, shards with MAX_EXAMPLES pairs are used.

    Args:
      run: the run.
      data_dir: the dataset.
      manifest: its manifest.
      split: the evaluated split.
      top: number of cohort scores for AS-norm; 0 for none.
    """

    def predict(name: str) -> Predictions | None:
        if not manifest.splits[name].pairs:
            return None
        return predict_splits(run, data_dir, manifest, [name], max_pairs=MAX_EXAMPLES)

    return ScoringData(
        training=predict("train") if top else None,
        validation=predict("validation") if split != "validation" else None,
        top=top,
    )


def _examples(predictions: Predictions, of_clips: bool) -> tuple[Examples, NDArray[np.str_]]:
    """Returns examples or clips, and their videos."""
    embeddings, people, videos = (
        predictions.embeddings,
        predictions.identities,
        predictions.sessions,
    )
    if of_clips:
        embeddings, first, _ = average_by(embeddings, (people, predictions.clips))
        people, videos = people[first], videos[first]
    return model_examples(embeddings, people), videos


def model_examples(embeddings: Floats, people: NDArray[np.str_]) -> Examples:
    """Returns the embeddings of a model as examples for its scorer.

    Args:
      embeddings: float [n, size].
      people: str [n]; '' if unknown.
    """
    return {_MODEL: PersonEmbeddings(embeddings, people)}
