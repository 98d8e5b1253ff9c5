"""Makes the scorer of a run: cohort and calibration from the embeddings of its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.predictions import Predictions, predict_splits
from facevoice.evaluation.runs import Run
from facevoice.evaluation.score_normalization import DEFAULT_TOP, PersonEmbeddings
from facevoice.evaluation.scoring import Examples, Floats, Scorer
from tfdata.manifest import Manifest

MAX_EXAMPLES = 5000  # of the cohort, and for the calibration
_MODEL = "model"  # the only modality


def run_scorer(
    run: Run, data_dir: Path, manifest: Manifest, split: str, top: int = DEFAULT_TOP
) -> Scorer:
    """Returns the scorer of a run's embeddings.

    The cohort is the training split, and calibrations are fitted on the validation split, unless
    that is the evaluated one; of each, shards with MAX_EXAMPLES pairs.

    Args:
      run: the run.
      data_dir: the dataset.
      manifest: its manifest.
      split: the evaluated split.
      top: number of cohort scores for AS-norm; 0 for none.
    """

    scorer = Scorer({}, top)
    if top and (training := _predict(run, data_dir, manifest, "train")):
        scorer = Scorer(model_examples(training.embeddings, training.identities), top)
    if split != "validation" and (found := _predict(run, data_dir, manifest, "validation")):
        examples = model_examples(found.embeddings, found.identities)
        scorer = scorer.calibrated_on(examples, found.sessions)
    return scorer


def _predict(run: Run, data_dir: Path, manifest: Manifest, split: str) -> Predictions | None:
    if not manifest.splits[split].pairs:
        return None
    return predict_splits(run, data_dir, manifest, [split], max_pairs=MAX_EXAMPLES)


def model_examples(embeddings: Floats, people: NDArray[np.str_]) -> Examples:
    """Returns the embeddings of a model as examples for its scorer.

    Args:
      embeddings: float [n, size].
      people: str [n]; '' if unknown.
    """
    return {_MODEL: PersonEmbeddings(embeddings, people)}
