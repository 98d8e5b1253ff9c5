"""How a product of two experts comes to its answers: what the face says, and what the voice says.

The logits of `models.product_of_experts` are the face's plus the voice's, so an answer can be taken
apart without asking the model again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.evaluation.predictions import Answers
from facevoice.evaluation.runs import Run
from models import EMBEDDING
from models.product_of_experts import expert_kernels

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Counts:
    """How often the experts are right, each alone and both together.

    right = both + only_face + only_voice + saved - lost.

    Attributes:
      examples: how many were asked about.
      right: of the fusion's answers.
      both, only_face, only_voice: where those experts are right, each asked alone.
      saved: the fusion is right and neither expert is.
      lost: the fusion is wrong and at least one expert is right.
    """

    examples: int
    right: int
    both: int
    only_face: int
    only_voice: int
    saved: int
    lost: int


def expert_logits(run: Run, known: Answers) -> tuple[Floats, Floats]:
    """The logits [n, classes] of the face and of the voice, as they are added up.

    Args:
      run: whose embedding is `models.product_of_experts.Evidence`.
      known: its answers about people whom it knows.
    """
    of_face, of_voice = (kernel.astype(np.float64) for kernel in expert_kernels(run.network))
    faces, voices = np.split(known.embeddings.astype(np.float64), [len(of_face)], axis=1)
    return faces @ of_face, voices @ of_voice


def margins(face: Floats, voice: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """How far each expert puts the true person before the strongest rival, nats [n].

    The rival is the person whom both together like best of all but the true one. So the sum of the
    two margins is above 0 exactly where the fusion is right.

    Args:
      face, voice: logits [n, classes].
      labels: [n], the true classes.
    """
    rows = np.arange(len(labels))
    rivals = face + voice
    rivals[rows, labels] = -np.inf
    rival = rivals.argmax(axis=1)
    return face[rows, labels] - face[rows, rival], voice[rows, labels] - voice[rows, rival]


def count(face: Floats, voice: Floats, labels: NDArray[np.int64]) -> Counts:
    """Counts of logits [n, classes]; an expert without a favourite is right about nobody."""
    seen, heard, fused = (_right(logits, labels) for logits in (face, voice, face + voice))
    return Counts(
        examples=len(labels),
        right=int(fused.sum()),
        both=int((seen & heard).sum()),
        only_face=int((seen & ~heard).sum()),
        only_voice=int((heard & ~seen).sum()),
        saved=int((fused & ~seen & ~heard).sum()),
        lost=int((~fused & (seen | heard)).sum()),
    )


def fitted_weights(run: Run) -> dict[str, dict[str, float]]:
    """The weights of face and voice, `alone` (the other is missing) and `together`."""
    layer = run.network.get_layer(EMBEDDING)
    return {
        name: dict(zip(("face", "voice"), np.asarray(weights, float).tolist(), strict=True))
        for name, weights in (("alone", layer.alone), ("together", layer.together))
    }


def _right(logits: Floats, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the true person stands before all others, bool [n]."""
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] > others.max(axis=1)
