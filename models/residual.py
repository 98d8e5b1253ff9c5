"""Residual encoders: from an input tensor to a unit vector.

Blocks are post-activation (ResNet version 1; He et al., 2016). Each input is standardised to mean 0
and standard deviation 1, which removes brightness and loudness. The audio encoder ends in
statistics pooling: mean and standard deviation over time (Snyder et al., 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from models.encoders import ModelError, Tensor, size_advice

WIDTHS = (24, 32, 64, 96)
UNITS, DROPOUT = 128, 0.3
_MIN_SIZE = 8
_MOMENTUM = 0.9  # Keras' 0.99 is too slow for trainings of a few thousand steps


def residual_image_encoder(
    inputs: Tensor,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> Tensor:
    """Encodes face images.

    Args:
      inputs: [batch, height, width, 3], values 0 to 255.
      widths: of the first convolution and of each residual block.
      units: width of the output.
      dropout: dropout rate before the last Dense layer.

    Returns:
      [batch, units], of L2 norm 1.

    Raises:
      ModelError: the images are too small.
    """
    _check_input_size(inputs, "image_size")
    x = _standardise(inputs, "image")
    x = _conv_bn(x, widths[0], 5, 2, "image_stem")
    x = layers.MaxPooling2D(2, padding="same", name="image_stem_pool")(x)
    for number, width in enumerate(widths[1:], start=1):
        x = _residual_block(x, width, 1 if number == 1 else 2, f"image_block{number}")
    # Faces are framed alike, so positions carry information that global pooling would discard.
    x = layers.AveragePooling2D(2, padding="same", name="image_grid")(x)
    x = layers.Flatten(name="image_flatten")(x)
    return _unit_vector(x, units, dropout, "image")


def residual_audio_encoder(
    inputs: Tensor,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> Tensor:
    """Encodes spectrograms.

    Args:
      inputs: [batch, bands, frames, 1], values 0 to 255.
      widths: of the first convolution and of each residual block.
      units: width of the output.
      dropout: dropout rate before the last Dense layer.

    Returns:
      [batch, units], of L2 norm 1.

    Raises:
      ModelError: the spectrograms are too small.
    """
    _check_input_size(inputs, "bands", "frames")
    x = _standardise(inputs, "audio")
    x = _conv_bn(x, widths[0], 5, 2, "audio_stem")
    for number, width in enumerate(widths[1:], start=1):
        # The last block does not stride along time: the statistics need many samples.
        stride = (2, 1) if number == len(widths) - 1 else 2
        x = _residual_block(x, width, stride, f"audio_block{number}")
    mean = ops.mean(x, axis=2)
    deviation = ops.sqrt(ops.var(x, axis=2) + 1e-5)
    x = layers.Concatenate(name="audio_statistics")([mean, deviation])
    x = layers.Flatten(name="audio_flatten")(x)
    return _unit_vector(x, units, dropout, "audio")


def _standardise(inputs: Tensor, name: str) -> Tensor:
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    return layers.LayerNormalization(
        axis=(1, 2, 3), center=False, scale=False, epsilon=1e-4, name=f"{name}_standardised"
    )(x)


def _residual_block(x: Tensor, width: int, stride: int | tuple[int, int], name: str) -> Tensor:
    """Residual block with a projection shortcut."""
    y = _conv_bn(x, width, 3, stride, f"{name}_a")
    y = _conv_bn(y, width, 3, 1, f"{name}_b", activation=None)
    if stride != 1:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x)
    x = _conv_bn(x, width, 1, 1, f"{name}_past", activation=None)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([x, y]))


def _conv_bn(
    x: Tensor,
    width: int,
    kernel: int,
    stride: int | tuple[int, int],
    name: str,
    activation: str | None = "relu",
) -> Tensor:
    """Applies a convolution, batch normalisation and, unless `activation` is None, relu."""
    x = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = _batch_norm(x, f"{name}_norm")
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _unit_vector(x: Tensor, units: int, dropout: float, name: str) -> Tensor:
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = layers.Dense(units, use_bias=False, name=f"{name}_projection")(x)
    x = _batch_norm(x, f"{name}_projection_norm")
    # In half precision a small norm underflows to 0 and the quotient is not finite.
    return layers.UnitNormalization(dtype="float32", name=f"{name}_unit")(x)


def _batch_norm(x: Tensor, name: str) -> Any:
    return layers.BatchNormalization(momentum=_MOMENTUM, name=name)(x)


def _check_input_size(inputs: Tensor, *settings: str) -> None:
    sizes = zip(settings, inputs.shape[1:3], strict=False)
    needed = {setting: _MIN_SIZE for setting, size in sizes if size < _MIN_SIZE}
    if needed:
        raise ModelError(
            f"Inputs of {inputs.shape[1]} x {inputs.shape[2]} are too small for a residual "
            f"encoder; {size_advice(needed)}"
        )
