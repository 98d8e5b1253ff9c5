"""Encoders of the study's models: from an input tensor to a feature vector.

Single models have one encoder, fusion models have two; both use the defaults below. An encoder has
no Dense layer: those are in `models.heads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras import layers, regularizers

IMAGE_FILTERS, IMAGE_POOLS = (64, 64), (2, 4)
AUDIO_FILTERS, AUDIO_POOLS = (128, 64), (2, 2)
CRNN_FILTERS, CRNN_POOLS, LSTM_UNITS = (64, 128), (2, 2), 64
CNN_KERNEL, CRNN_KERNEL = 3, 5
L2 = 1e-3

# The settings of a build that determine height and width of each encoder's input.
SIZE_SETTINGS = {"image": ("image_size", "image_size"), "audio": ("bands", "frames")}

Tensor = Any  # a Keras tensor; Keras publishes no type for it


class ModelError(ValueError):
    """Raised if a model cannot be built or loaded; the message is one sentence."""


def cnn_encoder(
    inputs: Tensor,
    *,
    filters: Sequence[int],
    pool_sizes: Sequence[int],
    l2: float = L2,
    name: str,
) -> Tensor:
    """Applies 3 x 3 convolutions ('valid', relu), each followed by max pooling, and flattens.

    Args:
      inputs: [batch, height, width, channels], values 0 to 255.
      filters: number of filters of each convolution.
      pool_sizes: pool size after each convolution.
      l2: weight decay of the kernels.
      name: 'image' or 'audio', the prefix of the layers' names.

    Returns:
      [batch, height' * width' * filters[-1]].

    Raises:
      ModelError: the inputs are too small for the pool sizes.
    """
    _, height, width, _ = inputs.shape
    sizes = zip(SIZE_SETTINGS[name], (height, width), strict=True)
    _check_input_size(inputs, sizes, filters, pool_sizes, CNN_KERNEL, name)
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    for i, (depth, pool) in enumerate(zip(filters, pool_sizes, strict=True), start=1):
        x = layers.Conv2D(depth, CNN_KERNEL, **_conv_options(l2), name=f"{name}_conv{i}")(x)
        x = layers.MaxPooling2D(pool, name=f"{name}_pool{i}")(x)
    return layers.Flatten(name=f"{name}_flatten")(x)


def crnn_encoder(
    inputs: Tensor,
    *,
    filters: Sequence[int] = CRNN_FILTERS,
    pool_sizes: Sequence[int] = CRNN_POOLS,
    lstm_units: int = LSTM_UNITS,
    l2: float = L2,
    name: str = "audio",
) -> Tensor:
    """Applies convolutions of 5 frames ('valid', relu), each followed by max pooling, and an LSTM.

    All of them run along time: the bands are the channels of the first convolution. (The study did
    not transpose its spectrograms, so its layers ran along frequency.)

    Args:
      inputs: [batch, bands, frames, 1], values 0 to 255.
      filters: number of filters of each convolution.
      pool_sizes: pool size, in frames, after each convolution.
      lstm_units: width of the LSTM.
      l2: weight decay of the convolutions' kernels; the LSTM has none.
      name: prefix of the layers' names.

    Returns:
      [batch, lstm_units], the last state of the LSTM.

    Raises:
      ModelError: the inputs have too few frames for the pool sizes.
    """
    _, bands, frames, _ = inputs.shape
    sizes = [(SIZE_SETTINGS[name][1], frames)]
    _check_input_size(inputs, sizes, filters, pool_sizes, CRNN_KERNEL, name)
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    x = layers.Reshape((bands, frames), name=f"{name}_bands_frames")(x)
    x = layers.Permute((2, 1), name=f"{name}_frames_bands")(x)
    for i, (depth, pool) in enumerate(zip(filters, pool_sizes, strict=True), start=1):
        x = layers.Conv1D(depth, CRNN_KERNEL, **_conv_options(l2), name=f"{name}_conv{i}")(x)
        x = layers.MaxPooling1D(pool, name=f"{name}_pool{i}")(x)
    return layers.LSTM(lstm_units, name=f"{name}_lstm")(x)


def _conv_options(l2: float) -> dict[str, Any]:
    return {
        "activation": "relu",
        "kernel_initializer": "he_normal",
        "kernel_regularizer": regularizers.L2(l2),
    }


def _check_input_size(
    inputs: Tensor,
    sizes: Iterable[tuple[str, int]],
    filters: Sequence[int],
    pool_sizes: Sequence[int],
    kernel_size: int,
    name: str,
) -> None:
    """Checks that no layer has an empty output.

    Args:
      inputs: the encoder's input.
      sizes: (setting of the build, size) of each axis that is pooled.
      filters, pool_sizes, name: see `cnn_encoder`.
      kernel_size: of the convolutions.

    Raises:
      ModelError: `filters` and `pool_sizes` differ in length, or an axis is too small.
    """
    if len(filters) != len(pool_sizes):
        raise ModelError(
            f"The {name} encoder has filters {tuple(filters)} but pool sizes "
            f"{tuple(pool_sizes)}; give one pool size for each convolution."
        )
    smallest = 1
    for pool in reversed(pool_sizes):
        smallest = smallest * pool + kernel_size - 1
    needed = {setting: smallest for setting, size in sizes if size < smallest}
    if needed:
        raise ModelError(
            f"Inputs of {inputs.shape[1]} x {inputs.shape[2]} are too small for the pool sizes "
            f"{tuple(pool_sizes)} of the {name} encoder; {size_advice(needed)}"
        )


def size_advice(needed: Mapping[str, int]) -> str:
    """Returns the advice of an error, from settings of the build to their smallest values."""
    return f"build the dataset with {' and '.join(f'{k} >= {v}' for k, v in needed.items())}."
