"""Evaluates robustness: the accuracy with missing or corrupted inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.comparison import Comparison, compare
from facevoice.evaluation.corruptions import add_noise, blur, cover
from facevoice.evaluation.identification import Share, ranks, share_of
from facevoice.evaluation.predictions import Predictions, Transform, predict_splits
from facevoice.evaluation.runs import Run
from facevoice.features import FeatureSettings
from tfdata.manifest import Manifest
from tfdata.schema import IMAGE, SPECTROGRAM

Bytes = NDArray[np.uint8]
Corruption = Callable[[Bytes, np.random.Generator], Bytes]

NOISE_SNR_DB = (20.0, 10.0, 0.0)
BLUR_SHARES = (0.02, 0.04, 0.08)
COVER_SHARES = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Condition:
    """One test condition.

    Attributes:
      kind: 'intact', 'missing', 'noise', 'blur' or 'cover'.
      medium: the corrupted input, such as IMAGE; '' for 'intact'.
      amount: severity. noise: signal-to-noise ratio in dB; blur: standard deviation of the Gaussian
        as a share of the side; cover: share of the area; otherwise 0.
      corrupt: returns the corrupted array, from an array and a random generator.
    """

    kind: str
    medium: str
    amount: float
    corrupt: Corruption


@dataclass(frozen=True)
class ConditionResult:
    """Accuracy of a model under one condition.

    Attributes:
      kind, medium, amount: of the condition.
      top_1: share of correct predictions.
      against_other: comparison with the model when it gets only the other medium, intact; None if
        the model has one medium or the condition is 'intact' or 'missing'.
    """

    kind: str
    medium: str
    amount: float
    top_1: Share
    against_other: Comparison | None


def conditions(media: Sequence[str], settings: FeatureSettings) -> Iterator[Condition]:
    """Yields all conditions for the inputs of a model, the intact one first.

    Embeddings may be missing, but are not corrupted: a corruption changes media, of which a dataset
    does not hold what the encoder read.
    """
    yield Condition("intact", "", 0.0, lambda array, random: array)
    if len(media) > 1:
        for medium in media:
            yield Condition("missing", medium, 0.0, lambda array, random: np.zeros_like(array))
    if SPECTROGRAM in media:
        for snr_db in NOISE_SNR_DB:
            yield Condition("noise", SPECTROGRAM, snr_db, _noise_corruption(snr_db, settings))
    if IMAGE in media:
        for share in BLUR_SHARES:
            yield Condition("blur", IMAGE, share, _blur_corruption(share))
        for share in COVER_SHARES:
            yield Condition("cover", IMAGE, share, _cover_corruption(share))


def evaluate_robustness(
    run: Run, data_dir: Path, manifest: Manifest, split: str, intact: Predictions
) -> list[ConditionResult]:
    """Evaluates a run under each condition, on examples of known people.

    Args:
      run: the run.
      data_dir: the dataset.
      manifest: its manifest.
      split: name of the split.
      intact: predictions for known people without corruption.
    """
    found: list[tuple[Condition, Predictions, NDArray[np.bool_]]] = []
    for condition in conditions(run.inputs, run.features):
        known = intact
        if condition.kind != "intact":
            transform = condition_transform(condition)
            known = predict_splits(run, data_dir, manifest, [split], transform=transform).known
        found.append((condition, known, ranks(known.probabilities, known.labels) == 0))
    # The missing medium, to the correct predictions with the other medium alone.
    other_alone = {
        condition.medium: correct for condition, _, correct in found if condition.kind == "missing"
    }
    return [
        ConditionResult(
            condition.kind,
            condition.medium,
            condition.amount,
            share_of(correct),
            compare(correct, other_alone[condition.medium], (known.identities, known.sessions))
            if condition.medium in other_alone and condition.kind != "missing"
            else None,
        )
        for condition, known, correct in found
    ]


def condition_transform(condition: Condition) -> Transform:
    """Returns the transform of a condition for `predict_splits`."""

    def transform(key: str, medium: str, array: Bytes) -> Bytes:
        if medium != condition.medium:
            return array
        # Seeded by the key, so that all severities of a corruption affect the same places.
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
        return condition.corrupt(array, np.random.default_rng(seed))

    return transform


def _noise_corruption(snr_db: float, settings: FeatureSettings) -> Corruption:
    return lambda array, random: add_noise(array[..., 0], snr_db, settings, random)[..., None]


def _blur_corruption(share: float) -> Corruption:
    return lambda array, random: blur(array, share)


def _cover_corruption(share: float) -> Corruption:
    return lambda array, random: cover(array, share, random)
