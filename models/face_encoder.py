"""The pretrained face encoder as a Keras model, to export it or to train it further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from models.encoders import Tensor
from models.heads import EMBEDDING

SIZE = 150  # height and width of a face image, in pixels
MEANS, DIVISOR = (122.782, 117.001, 104.298), 256
# (filters, stride) of each residual block.
BLOCKS = (
    *[(32, 1)] * 3,
    *[(64, 2), (64, 1), (64, 1), (64, 1)],
    *[(128, 2), (128, 1), (128, 1)],
    *[(256, 2), (256, 1), (256, 1)],
    (256, 2),
)
UNITS = 128


def face_encoder(weights: Mapping[str, Any]) -> keras.Model:
    """Builds dlib's residual network for face recognition: 5.6 million parameters.

    Args:
      weights: arrays of `facevoice.weights.read_arrays(DLIB_RESNET)`.

    Returns:
      A model from uint8 [batch, 150, 150, 3], aligned faces, to unit vectors [batch, 128].
    """
    inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="image")
    offset = [-mean / DIVISOR for mean in MEANS]
    x = layers.Rescaling(1 / DIVISOR, offset, name="image_rescaling")(inputs)
    x = layers.Conv2D(32, 7, strides=2, activation="relu", name="conv01")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool")(x)
    for index, (filters, stride) in enumerate(BLOCKS):
        x = _block(x, filters, stride, 2 * index + 2)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(UNITS, use_bias=False, name="dense")(x)
    model = keras.Model(inputs, layers.UnitNormalization(name=EMBEDDING)(x), name="face_encoder")
    set_weights(model, weights)
    return model


def set_weights(model: keras.Model, weights: Mapping[str, Any]) -> None:
    """Sets the weights of layers from arrays that are named `<layer>_<weight>`."""
    for layer in model.layers:
        layer.set_weights([weights[f"{layer.name}_{weight.name}"] for weight in layer.weights])


def _block(x: Tensor, filters: int, stride: int, number: int) -> Tensor:
    """Applies two convolutions and a shortcut, averaged if the stride is 2; zeros fill it up."""
    first = layers.Conv2D(
        filters,
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        activation="relu",
        name=f"conv{number:02}",
    )
    y = layers.Conv2D(filters, 3, padding="same", name=f"conv{number + 1:02}")(first(x))
    if stride > 1:
        x = layers.AveragePooling2D(stride, name=f"pool{number:02}")(x)
    x, y = _filled_up(x, y), _filled_up(y, x)
    return layers.ReLU(name=f"relu{number:02}")(layers.Add(name=f"add{number:02}")([x, y]))


def _filled_up(x: Tensor, other: Tensor) -> Tensor:
    """Adds zeros at the ends of those axes that are shorter than in another tensor."""
    missing = [max(0, b - a) for a, b in zip(x.shape[1:], other.shape[1:], strict=True)]
    return keras.ops.pad(x, [(0, 0), *((0, n) for n in missing)]) if any(missing) else x
