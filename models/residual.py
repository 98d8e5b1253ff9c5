"""Compact residual encoders: from bytes to a unit vector that stands for the person.

Pre-activation is not needed at three blocks (He et al., 2016, version 1); each input is first
brought to mean 0 and deviation 1, so that light and loudness are gone; the voice keeps the mean
and deviation of what each channel does over time (statistics pooling; Snyder et al., 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from models.encoders import ModelError, Tensor

WIDTHS = (24, 32, 64, 96)
UNITS, DROPOUT = 128, 0.3
_SMALLEST_SIDE = 8
_MOMENTUM = 0.9  # of running means: training is a few thousand steps long


def residual_image_encoder(
    inputs: Tensor,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> Tensor:
    """A face's vector.

    Args:
      inputs: [batch, height, width, 3], values 0 to 255.
      widths: of the first convolution and of each residual block.
      units: size of the vector.
      dropout: share of what the last Dense layer sees that training drops.

    Returns:
      [batch, units], each of length 1.

    Raises:
      ModelError: the images are too small.
    """
    _check(inputs, "--image_size")
    x = _standardised(inputs, "image")
    x = _convolution(x, widths[0], 5, 2, "image_stem")
    x = layers.MaxPooling2D(2, padding="same", name="image_stem_pool")(x)
    for number, width in enumerate(widths[1:], start=1):
        x = _block(x, width, 1 if number == 1 else 2, f"image_block{number}")
    # Faces are framed alike, so where something is seen says what it is.
    x = layers.AveragePooling2D(2, padding="same", name="image_grid")(x)
    x = layers.Flatten(name="image_flatten")(x)
    return _vector(x, units, dropout, "image")


def residual_audio_encoder(
    inputs: Tensor,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> Tensor:
    """A voice's vector.

    Args:
      inputs: [batch, bands, frames, 1], values 0 to 255.
      widths: of the first convolution and of each residual block.
      units: size of the vector.
      dropout: share of what the last Dense layer sees that training drops.

    Returns:
      [batch, units], each of length 1.

    Raises:
      ModelError: the spectrograms are too small.
    """
    _check(inputs, "--bands", "--frames")
    x = _standardised(inputs, "audio")
    x = _convolution(x, widths[0], 5, 2, "audio_stem")
    for number, width in enumerate(widths[1:], start=1):
        # The last block keeps the moments, which are many samples for the statistics.
        x = _block(x, width, (2, 1) if number == len(widths) - 1 else 2, f"audio_block{number}")
    mean = ops.mean(x, axis=2)
    deviation = ops.sqrt(ops.var(x, axis=2) + 1e-5)
    x = layers.Concatenate(name="audio_statistics")([mean, deviation])
    x = layers.Flatten(name="audio_flatten")(x)
    return _vector(x, units, dropout, "audio")


def _standardised(inputs: Tensor, name: str) -> Tensor:
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    return layers.LayerNormalization(
        axis=(1, 2, 3), center=False, scale=False, epsilon=1e-4, name=f"{name}_standardised"
    )(x)


def _block(x: Tensor, width: int, stride: int | tuple[int, int], name: str) -> Tensor:
    """Two convolutions, and a way past them."""
    y = _convolution(x, width, 3, stride, f"{name}_a")
    y = _convolution(y, width, 3, 1, f"{name}_b", activation=None)
    if stride != 1:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x)
    x = _convolution(x, width, 1, 1, f"{name}_past", activation=None)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([x, y]))


def _convolution(
    x: Tensor,
    width: int,
    kernel: int,
    stride: int | tuple[int, int],
    name: str,
    activation: str | None = "relu",
) -> Tensor:
    x = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = _normalised(x, f"{name}_norm")
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _vector(x: Tensor, units: int, dropout: float, name: str) -> Tensor:
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = layers.Dense(units, use_bias=False, name=f"{name}_projection")(x)
    x = _normalised(x, f"{name}_projection_norm")
    # In half precision a length near 0 would be one of 0, and the direction no number.
    return layers.UnitNormalization(dtype="float32", name=f"{name}_unit")(x)


def _normalised(x: Tensor, name: str) -> Any:
    return layers.BatchNormalization(momentum=_MOMENTUM, name=name)(x)


def _check(inputs: Tensor, *settings: str) -> None:
    short = [
        f"{setting} {_SMALLEST_SIDE}"
        for setting, size in zip(settings, inputs.shape[1:3], strict=False)
        if size < _SMALLEST_SIDE
    ]
    if short:
        raise ModelError(
            f"Inputs of {inputs.shape[1]} x {inputs.shape[2]} are too small for a residual "
            f"encoder; build the data set with at least {' '.join(short)}."
        )
