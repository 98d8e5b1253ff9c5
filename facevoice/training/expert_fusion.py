"""Builds a product of experts: copies the experts' weights and calibrates their logits.

Experts are nearly always right on their training videos, so the weights of their logits are fitted
on the validation split.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

import tfdata
from facevoice.evaluation.traced_model import traced
from models import EMBEDDING, LOGIT_SCALE, MODELS, PERSON
from models.product_of_experts import expert_kernels
from tfdata.manifest import Manifest

# Limits of an expert's weight. No validation split can justify values outside of them.
BOUNDS = (0.1, 256.0)

Floats = NDArray[np.float64]


def copy_expert_weights(
    fusion: keras.Model, image_expert: keras.Model, audio_expert: keras.Model
) -> None:
    """Copies the weights of the experts to the layers of the same names in a fusion model.

    Raises:
      ValueError: an expert has a layer that the fusion model lacks.
    """
    kernels = []
    for expert in (image_expert, audio_expert):
        for layer in expert.layers:
            if layer.name == PERSON:
                kernels.append(layer.get_weights()[0])
            elif layer.weights and layer.name != EMBEDDING:
                fusion.get_layer(layer.name).set_weights(layer.get_weights())
    fusion.get_layer(PERSON).set_weights([np.concatenate(kernels)])


def calibrate_experts(fusion: keras.Model, data_dir: Path, manifest: Manifest) -> None:
    """Fits the weights of the experts on the validation split and assigns them.

    The weights minimise the cross-entropy, for each expert alone and for both together (temperature
    scaling; Guo et al., 2017). Targets are smoothed as by Platt (1999): with n examples, the
    confidence is at most (n + 1) / (n + 2).
    """
    face, voice, labels = _expert_logits(fusion, data_dir, manifest)
    layer = fusion.get_layer(EMBEDDING)
    layer.alone.assign([fit_weights([logits], labels)[0] for logits in (face, voice)])
    layer.together.assign(fit_weights([face, voice], labels))


def fit_weights(experts: list[Floats], labels: NDArray[np.int64]) -> Floats:
    """Returns the weights for which the weighted sum of the experts' logits is best calibrated.

    Args:
      experts: logits [examples, classes] of each expert.
      labels: [examples], the true classes.
    """
    examples, classes = experts[0].shape
    stacked = np.stack(experts)
    confidence = (examples + 1) / (examples + 2)
    targets = np.full((examples, classes), (1 - confidence) / (classes - 1))
    targets[np.arange(examples), labels] = confidence

    def loss(weights: Floats) -> tuple[float, Floats]:
        log_probabilities = log_softmax(np.tensordot(weights, stacked, axes=1), axis=1)
        residuals = np.exp(log_probabilities) - targets
        gradient = (residuals * stacked).sum(axis=(1, 2)) / examples
        return float(-(targets * log_probabilities).sum() / examples), gradient

    start = np.full(len(experts), LOGIT_SCALE)
    return minimize(loss, start, jac=True, bounds=[BOUNDS] * len(experts)).x


def _expert_logits(
    fusion: keras.Model, data_dir: Path, manifest: Manifest
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Returns the unweighted logits [examples, classes] of both experts, and the labels."""
    experts = keras.Model(fusion.input, fusion.get_layer(EMBEDDING).input[:2])
    embeddings = traced(experts, experts.input)
    face_kernel, voice_kernel = (kernel.astype(np.float64) for kernel in expert_kernels(fusion))
    faces, voices, labels = [], [], []
    reads = MODELS[fusion.name].reads
    for inputs, label in tfdata.load(data_dir, "validation", reads, manifest=manifest):
        face, voice = (np.asarray(x, np.float64) for x in embeddings(inputs))
        faces.append(face @ face_kernel)
        voices.append(voice @ voice_kernel)
        labels.append(label.numpy())
    return np.concatenate(faces), np.concatenate(voices), np.concatenate(labels)
