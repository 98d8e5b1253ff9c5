"""Face models: face images to probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from models.encoders import IMAGE_FILTERS, IMAGE_POOLS, L2, cnn_encoder
from models.heads import EMBEDDING, classifier, probabilities, unit_norm_classifier
from models.residual import DROPOUT, UNITS, WIDTHS, residual_image_encoder


def cnn_image(
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = IMAGE_FILTERS,
    pool_sizes: Sequence[int] = IMAGE_POOLS,
    dense_units: int = 64,
    dropout: float = 0.25,
    l2: float = L2,
) -> keras.Model:
    """Builds the study's face CNN: 3,727,784 parameters at (246, 246, 3) and 40 classes.

    Args:
      image_shape: (height, width, 3).
      classes: number of people.
      filters, pool_sizes: see `cnn_encoder`.
      dense_units: width of the embedding.
      dropout: dropout rate after the embedding.
      l2: weight decay of the convolutions; the embedding has none, as in the study.

    Returns:
      A model from uint8 [batch, height, width, 3] to probabilities [batch, classes].

    Raises:
      ModelError: the images are too small for the pool sizes.
    """
    inputs = keras.Input(image_shape, dtype="uint8", name="image")
    x = cnn_encoder(inputs, filters=filters, pool_sizes=pool_sizes, l2=l2, name="image")
    outputs = classifier(x, classes, units=dense_units, l2=0.0, dropout=dropout)
    return keras.Model(inputs, outputs, name="cnn_image")


def resnet_image(
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> keras.Model:
    """Builds a residual face CNN of less than half a million parameters.

    Args:
      image_shape: (height, width, 3).
      classes: number of people.
      widths, units, dropout: see `residual_image_encoder`.

    Returns:
      A model from uint8 [batch, height, width, 3] to probabilities [batch, classes].

    Raises:
      ModelError: the images are too small.
    """
    inputs = keras.Input(image_shape, dtype="uint8", name="image")
    x = residual_image_encoder(inputs, widths=widths, units=units, dropout=dropout)
    return keras.Model(inputs, unit_norm_classifier(x, classes), name="resnet_image")


def linear_image(image_shape: tuple[int, int, int], classes: int, *, l2: float = L2) -> keras.Model:
    """Builds a multinomial logistic regression on raw pixels, the baseline of the other models.

    Its embedding are the pixels, scaled to 0 to 1.
    """
    inputs = keras.Input(image_shape, dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, name="image_rescaling")(inputs)
    x = layers.Flatten(name=EMBEDDING)(x)
    return keras.Model(inputs, probabilities(x, classes, l2=l2), name="linear_image")
