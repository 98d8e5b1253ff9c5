"""Analyses a product of experts: the contributions of face and voice to its predictions.

The logits of `models.product_of_experts` are the sum of those of the face and the voice, so they
can be separated without running the model again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.runs import Run
from models import EMBEDDING
from models.product_of_experts import expert_kernels

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ExpertCounts:
    """Number of correct predictions of the experts and of the fusion.

    right = both + only_face + only_voice + saved - lost.

    Attributes:
      examples: all examples.
      right: the fusion is correct.
      both, only_face, only_voice: both experts, or only that expert, are correct.
      saved: the fusion is correct and neither expert is.
      lost: the fusion is wrong and at least one expert is correct.
    """

    examples: int
    right: int
    both: int
    only_face: int
    only_voice: int
    saved: int
    lost: int


def expert_logits(run: Run, embeddings: Floats) -> tuple[Floats, Floats]:
    """Returns the weighted logits [n, classes] of the face and of the voice.

    Args:
      run: a run whose embedding layer is `models.product_of_experts.Evidence`.
      embeddings: of its predictions, [n, size].
    """
    face_kernel, voice_kernel = (
        kernel.astype(np.float64) for kernel in expert_kernels(run.network)
    )
    face, voice = np.split(embeddings.astype(np.float64), [len(face_kernel)], axis=1)
    return face @ face_kernel, voice @ voice_kernel


def margins(face: Floats, voice: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Returns each expert's logit of the true class minus that of the strongest rival, nats [n].

    The rival is the wrong class with the highest sum of logits. The sum of the two margins is
    therefore positive exactly if the fusion is correct.

    Args:
      face, voice: logits [n, classes].
      labels: [n], the true classes.
    """
    rows = np.arange(len(labels))
    rivals = face + voice
    rivals[rows, labels] = -np.inf
    rival = rivals.argmax(axis=1)
    return face[rows, labels] - face[rows, rival], voice[rows, labels] - voice[rows, rival]


def count_correct(face: Floats, voice: Floats, labels: NDArray[np.int64]) -> ExpertCounts:
    """Counts correct predictions of logits [n, classes]; ties count as wrong."""
    by_face, by_voice, fused = (
        _is_correct(logits, labels) for logits in (face, voice, face + voice)
    )
    return ExpertCounts(
        examples=len(labels),
        right=int(fused.sum()),
        both=int((by_face & by_voice).sum()),
        only_face=int((by_face & ~by_voice).sum()),
        only_voice=int((by_voice & ~by_face).sum()),
        saved=int((fused & ~by_face & ~by_voice).sum()),
        lost=int((~fused & (by_face | by_voice)).sum()),
    )


def expert_weights(run: Run) -> dict[str, dict[str, float]]:
    """Returns the weights of face and voice, `alone` (the other is missing) and `together`."""
    layer = run.network.get_layer(EMBEDDING)
    return {
        name: dict(zip(("face", "voice"), np.asarray(weights, float).tolist(), strict=True))
        for name, weights in (("alone", layer.alone), ("together", layer.together))
    }


def _is_correct(logits: Floats, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns whether the true class has the highest logit, bool [n]."""
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] > others.max(axis=1)
