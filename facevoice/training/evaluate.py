"""What a model answers on a split of a data set."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

import tfdata
from tfdata.manifest import Manifest


def answers_on(
    model: keras.Model, data_dir: Path, manifest: Manifest, split: str, modality: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels, and the classes that a model names, for each example in stored order."""
    labels, answers = [], []
    for inputs, truth in tfdata.load(data_dir, split, modality, manifest=manifest):
        labels.append(truth.numpy())
        answers.append(np.asarray(model.predict_on_batch(inputs)).argmax(axis=1))
    return np.concatenate(labels), np.concatenate(answers)
