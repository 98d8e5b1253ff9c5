"""Turns the model of a run into one of float32 and of layers that every format has."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from facevoice.export.errors import ExportError

# An LSTM becomes this many copies of its step at most; a loop needs operations on lists of tensors,
# which LiteRT has not among its built-in ones.
MOST_STEPS = 256


def portable_network(network: keras.Model, *, unroll: bool) -> keras.Model:
    """Returns a copy of a model with the same weights that computes in float32.

    Args:
      network: from uint8 inputs to probabilities.
      unroll: replace the loop of each LSTM by its steps.

    Raises:
      ExportError: an LSTM has too many steps.
    """

    def portable_layer(layer: layers.Layer) -> layers.Layer:
        config: dict[str, Any] = layer.get_config()
        # Functions such as ops.mean have no dtype, and that of an input is uint8.
        if isinstance(layer, layers.InputLayer) or not isinstance(layer, layers.Layer):
            return layer.__class__.from_config(config)
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
    copy.set_weights(network.get_weights())
    return copy
