"""Turns the model of a run into one of float32 and of layers that every format has."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from facevoice.export.errors import ExportError
from models.product_of_experts import Evidence

# An LSTM becomes this many copies of its step at most; a loop needs operations on lists of tensors,
# which LiteRT has not among its built-in ones.
MOST_STEPS = 256


def portable_network(
    network: keras.Model, *, unroll: bool, only_keras: bool = False
) -> keras.Model:
    """Returns a copy of a model with the same weights that computes in float32.

    Args:
      network: from uint8 inputs to probabilities.
      unroll: replace the loop of each LSTM by its steps.
      only_keras: replace layers of this project by functions of Keras.

    Raises:
      ExportError: an LSTM has too many steps.
    """

    def portable_layer(layer: layers.Layer) -> layers.Layer:
        config: dict[str, Any] = layer.get_config()
        # Functions such as ops.mean have no dtype, and that of an input is uint8.
        if isinstance(layer, layers.InputLayer) or not isinstance(layer, layers.Layer):
            return layer.__class__.from_config(config)
        if isinstance(layer, Evidence) and only_keras:
            return _evidence_of_functions(layer)
        config["dtype"] = "float32"
        if isinstance(layer, layers.LSTM) and unroll:
            steps = layer.input.shape[1]
            if steps > MOST_STEPS:
                raise ExportError(
                    f"The LSTM of the model has {steps} steps, and at most {MOST_STEPS} can be "
                    f"written without a loop; use --format savedmodel, or build the dataset with "
                    f"fewer --frames."
                )
            config["unroll"] = True
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(network, clone_function=portable_layer)
    for layer in copy.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return copy


def _evidence_of_functions(layer: Evidence) -> keras.Model:
    """Returns a model that computes what `Evidence` does, with its weights as constants."""
    shapes = [x.shape[1:] for x in layer.input]
    inputs = [
        keras.Input(shape, dtype=x.dtype) for shape, x in zip(shapes, layer.input, strict=True)
    ]
    face, voice, *sources = inputs
    has_face, has_voice = (
        ops.any(ops.not_equal(x, 0), axis=(1, 2, 3), keepdims=False) for x in sources
    )
    has_face, has_voice = ops.expand_dims(has_face, 1), ops.expand_dims(has_voice, 1)
    together, alone = (np.asarray(weight) for weight in (layer.together, layer.alone))
    both = ops.logical_and(has_face, has_voice)
    parts = []
    for place, (vectors, is_there) in enumerate(((face, has_face), (voice, has_voice))):
        weight = ops.where(both, float(together[place]), float(alone[place]))
        parts.append(ops.where(is_there, vectors * weight, 0.0))
    return keras.Model(inputs, ops.concatenate(parts, axis=1), name=layer.name)
