"""Models that see the face alone."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, regularizers

from models.encoders import cnn_encoder


def cnn_image(
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (64, 64),
    pool_sizes: Sequence[int] = (2, 4),
    dense_units: int = 64,
    dropout: float = 0.25,
    l2: float = 1e-3,
) -> keras.Model:
    """The study's face model: 3,727,784 parameters at (246, 246, 3) and 40 classes.

    Args:
      image_shape: (height, width, 3).
      classes: people to tell apart.
      filters, pool_sizes, l2: see `cnn_encoder`.
      dense_units: width of the layer before the answer.
      dropout: share of that layer's outputs that training drops.

    Returns:
      A model from uint8 [batch, height, width, 3] to probabilities [batch, classes].
    """
    inputs = keras.Input(image_shape, dtype="uint8", name="image")
    x = cnn_encoder(inputs, filters=filters, pool_sizes=pool_sizes, l2=l2, name="image")
    x = layers.Dense(
        dense_units, activation="relu", kernel_initializer="he_normal", name="embedding"
    )(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(classes, activation="softmax", name="person")(x)
    return keras.Model(inputs, outputs, name="cnn_image")


def linear_image(
    image_shape: tuple[int, int, int], classes: int, *, l2: float = 1e-3
) -> keras.Model:
    """Multinomial logistic regression on raw pixels: what any other model has to beat."""
    inputs = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Flatten(name="pixels")(layers.Rescaling(1 / 255, name="image_rescaling")(inputs))
    outputs = layers.Dense(
        classes, activation="softmax", kernel_regularizer=regularizers.L2(l2), name="person"
    )(x)
    return keras.Model(inputs, outputs, name="linear_image")
