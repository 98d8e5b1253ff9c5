"""A fusion model from experts that were trained apart: their weights, and how far to trust each.

How sure an expert may be shows on people's unseen videos alone; on those of training it is nearly
always right. So the few numbers that weigh the experts are fitted on the validation split.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

import tfdata
from models import EMBEDDING, LOGIT_SCALE, PERSON
from models.product_of_experts import expert_kernels
from tfdata.schema import Manifest

# Beyond these a weight says "never" or "always right", which no validation split can show.
BOUNDS = (0.1, 256.0)

Floats = NDArray[np.float64]


def join(fusion: keras.Model, image_expert: keras.Model, audio_expert: keras.Model) -> None:
    """Gives a fusion model the weights of its experts, layer by layer of the same name.

    Raises:
      ValueError: an expert has a layer that the fusion model has not.
    """
    kernels = []
    for expert in (image_expert, audio_expert):
        for layer in expert.layers:
            if layer.name == PERSON:
                kernels.append(layer.get_weights()[0])
            elif layer.weights and layer.name != EMBEDDING:
                fusion.get_layer(layer.name).set_weights(layer.get_weights())
    fusion.get_layer(PERSON).set_weights([np.concatenate(kernels)])


def weigh(fusion: keras.Model, data_dir: Path, manifest: Manifest) -> None:
    """Fits the experts' weights on the validation split, and sets them.

    They make the answers on it likeliest, each expert alone and both together (temperature
    scaling; Guo et al., 2017), with Platt's (1999) targets: of n answers, not even one that is
    always right is sure beyond (n + 1) / (n + 2).
    """
    faces, voices, labels = _evidence(fusion, data_dir, manifest)
    layer = fusion.get_layer(EMBEDDING)
    layer.alone.assign([fitted([expert], labels)[0] for expert in (faces, voices)])
    layer.together.assign(fitted([faces, voices], labels))


def fitted(experts: list[Floats], labels: NDArray[np.int64]) -> Floats:
    """The weights of experts [examples, classes] whose sum, as logits, is the best calibrated."""
    examples, classes = experts[0].shape
    stacked = np.stack(experts)
    sure = (examples + 1) / (examples + 2)
    targets = np.full((examples, classes), (1 - sure) / (classes - 1))
    targets[np.arange(examples), labels] = sure

    def loss(weights: Floats) -> tuple[float, Floats]:
        logarithms = log_softmax(np.tensordot(weights, stacked, axes=1), axis=1)
        slope = ((np.exp(logarithms) - targets) * stacked).sum(axis=(1, 2)) / examples
        return float(-(targets * logarithms).sum() / examples), slope

    start = np.full(len(experts), LOGIT_SCALE)
    return minimize(loss, start, jac=True, bounds=[BOUNDS] * len(experts)).x


def _evidence(
    fusion: keras.Model, data_dir: Path, manifest: Manifest
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """What each expert says at weight 1, logits [examples, classes], and the labels."""
    vectors = keras.Model(fusion.input, fusion.get_layer(EMBEDDING).input[:2])
    of_face, of_voice = (kernel.astype(np.float64) for kernel in expert_kernels(fusion))
    faces, voices, labels = [], [], []
    for inputs, label in tfdata.load(data_dir, "validation", "pair", manifest=manifest):
        face, voice = (np.asarray(x, np.float64) for x in vectors.predict_on_batch(inputs))
        faces.append(face @ of_face)
        voices.append(voice @ of_voice)
        labels.append(label.numpy())
    return np.concatenate(faces), np.concatenate(voices), np.concatenate(labels)
