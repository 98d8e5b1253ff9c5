"""The pretrained voice encoder as a Keras model, to export it or to train it further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from models.face_encoder import set_weights
from models.heads import EMBEDDING

FRAMES, BANDS = 160, 40
LAYERS, UNITS = 3, 256


def voice_encoder(weights: Mapping[str, Any]) -> keras.Model:
    """Builds the GE2E speaker encoder: 1.4 million parameters.

    Args:
      weights: arrays of `facevoice.weights.read_arrays(GE2E)`.

    Returns:
      A model from float32 [batch, 160, 40], the parts of `facevoice.encoders.ge2e.mel_parts`, to
      unit vectors [batch, 256]. The embedding of a recording is the normalised mean of its parts.
    """
    inputs = keras.Input((FRAMES, BANDS), name="mel_parts")
    x = inputs
    for number in range(1, LAYERS + 1):
        x = layers.LSTM(UNITS, return_sequences=number < LAYERS, name=f"lstm{number}")(x)
    x = layers.Dense(UNITS, activation="relu", name="dense")(x)
    model = keras.Model(inputs, layers.UnitNormalization(name=EMBEDDING)(x), name="voice_encoder")
    set_weights(model, weights)
    return model
