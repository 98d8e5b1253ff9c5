"""What is left of a model's accuracy when half of the evidence is missing, or damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.comparison import Comparison, compare
from facevoice.evaluation.corruptions import blurred, covered, noisy
from facevoice.evaluation.identification import Share, ranks, share_of
from facevoice.evaluation.predictions import Answers, read_answers
from facevoice.evaluation.runs import Run
from facevoice.features import FeatureSettings
from tfdata.loader import MODALITIES
from tfdata.manifest import Manifest
from tfdata.schema import IMAGE, SPECTROGRAM

Bytes = NDArray[np.uint8]
Change = Callable[[Bytes, np.random.Generator], Bytes]

NOISE_SNR_DB = (20.0, 10.0, 0.0)
BLUR_SHARES = (0.02, 0.04, 0.08)
COVER_SHARES = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Condition:
    """One way in which evidence may be less than whole.

    Attributes:
      kind: 'intact', 'missing', 'noise', 'blur' or 'cover'.
      medium: the input that is changed, IMAGE or SPECTROGRAM; '' where nothing is.
      amount: noise: signal-to-noise ratio, dB; blur: deviation of the Gaussian, share of the
        side; cover: share of the area; 0 elsewhere.
      change: from an example's array and its own random numbers to the changed array.
    """

    kind: str
    medium: str
    amount: float
    change: Change


@dataclass(frozen=True)
class Measured:
    """A model under one condition.

    Attributes:
      kind, medium, amount: of the condition.
      top_1: share of examples that it answers rightly.
      against_other: compared with the model that is given the other medium alone, intact; None
        where there is no other, or it is that.
    """

    kind: str
    medium: str
    amount: float
    top_1: Share
    against_other: Comparison | None


def conditions(modality: str, settings: FeatureSettings) -> Iterator[Condition]:
    """All that a model of that modality is asked under, the intact first."""
    media = MODALITIES[modality]
    yield Condition("intact", "", 0.0, lambda array, random: array)
    if len(media) > 1:
        for medium in media:
            yield Condition("missing", medium, 0.0, lambda array, random: np.zeros_like(array))
    if SPECTROGRAM in media:
        for snr_db in NOISE_SNR_DB:
            yield Condition("noise", SPECTROGRAM, snr_db, _noise(snr_db, settings))
    if IMAGE in media:
        for share in BLUR_SHARES:
            yield Condition("blur", IMAGE, share, _blur(share))
        for share in COVER_SHARES:
            yield Condition("cover", IMAGE, share, _cover(share))


def robustness(
    run: Run, data_dir: Path, manifest: Manifest, split: str, intact: Answers
) -> list[Measured]:
    """Asks a run's model about the people whom it knows under each condition.

    `intact` is what it has said of them where nothing is changed.
    """
    found: list[tuple[Condition, Answers, NDArray[np.bool_]]] = []
    for condition in conditions(run.modality, run.features):
        known = intact
        if condition.kind != "intact":
            change = changing(condition)
            answers = read_answers(run, data_dir, manifest, [split], change=change)
            known = answers.known
        found.append((condition, known, ranks(known.probabilities, known.labels) == 0))
    alone = {  # what the other medium comes to, by the medium that is missing
        condition.medium: right for condition, _, right in found if condition.kind == "missing"
    }
    return [
        Measured(
            condition.kind,
            condition.medium,
            condition.amount,
            share_of(right),
            compare(right, alone[condition.medium], (known.identities, known.sessions))
            if condition.medium in alone and condition.kind != "missing"
            else None,
        )
        for condition, known, right in found
    ]


def changing(condition: Condition) -> Callable[[str, str, Bytes], Bytes]:
    """For `read_answers`: what becomes of an example's array (key, medium, array)."""

    def change(key: str, medium: str, array: Bytes) -> Bytes:
        if medium != condition.medium:
            return array
        # Of the key alone, so that every strength of a damage falls on the same places.
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
        return condition.change(array, np.random.default_rng(seed))

    return change


def _noise(snr_db: float, settings: FeatureSettings) -> Change:
    return lambda array, random: noisy(array[..., 0], snr_db, settings, random)[..., None]


def _blur(share: float) -> Change:
    return lambda array, random: blurred(array, share)


def _cover(share: float) -> Change:
    return lambda array, random: covered(array, share, random)
