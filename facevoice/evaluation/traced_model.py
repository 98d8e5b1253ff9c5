"""Keras models as functions that TensorFlow traces once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def traced(model: keras.Model, inputs: Any) -> Callable[[Any], Any]:
    """Returns a function from inputs to the outputs of a model, for batches of any size.

    `keras.Model.predict_on_batch` traces a model once for the first batch size and once more for
    the second. After several models, TensorFlow then warns of too many retracings.

    Args:
      model: the model.
      inputs: an array [batch, ...], or arrays by name; symbolic ones, too. Later inputs have the
        same types and shapes, but for the size of the batch.
    """
    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), inputs
    )

    # Keras layers need no AutoGraph.
    @tf.function(input_signature=[signature], autograph=False)
    def outputs(inputs: Any) -> Any:
        return model(inputs, training=False)

    return outputs
