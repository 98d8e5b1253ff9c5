"""Encoders: from an input tensor to a vector. Single models have one, fusion models several.

The defaults are the study's, in one place, because the fusion models are the single ones' encoders
side by side. An encoder ends before any Dense layer: those are in `models.heads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from keras import layers, regularizers

IMAGE_FILTERS, IMAGE_POOLS = (64, 64), (2, 4)
AUDIO_FILTERS, AUDIO_POOLS = (128, 64), (2, 2)
CRNN_FILTERS, CRNN_POOLS, LSTM_UNITS = (64, 128), (2, 2), 64
CNN_KERNEL, CRNN_KERNEL = 3, 5
L2 = 1e-3

# What the build calls height and width of each encoder's input.
SIDES = {"image": ("--image_size", "--image_size"), "audio": ("--bands", "--frames")}

Tensor = Any  # a Keras tensor; Keras publishes no type for it


class ModelError(ValueError):
    """A model that cannot be built: one sentence."""


def cnn_encoder(
    inputs: Tensor,
    *,
    filters: Sequence[int],
    pool_sizes: Sequence[int],
    l2: float = L2,
    name: str,
) -> Tensor:
    """3 x 3 convolutions ('valid', relu), each followed by max pooling, flattened.

    Args:
      inputs: [batch, height, width, channels], values 0 to 255.
      filters: width of each convolution.
      pool_sizes: pooling after each convolution.
      l2: weight decay of the kernels.
      name: 'image' or 'audio', which the layers' names begin with.

    Returns:
      [batch, height' * width' * filters[-1]].

    Raises:
      ModelError: the inputs are too small for the pooling.
    """
    _, height, width, _ = inputs.shape
    sides = zip(SIDES[name], (height, width), strict=True)
    _check(inputs, sides, filters, pool_sizes, CNN_KERNEL, name)
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    for i, (depth, pool) in enumerate(zip(filters, pool_sizes, strict=True), start=1):
        x = layers.Conv2D(depth, CNN_KERNEL, **_convolution(l2), name=f"{name}_conv{i}")(x)
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
    """Convolutions of 5 frames ('valid', relu), each followed by max pooling, then an LSTM.

    All of them run along time: the bands are the channels of the first convolution. (The study fed
    its spectrograms untransposed, so that its layers ran along frequency.)

    Args:
      inputs: [batch, bands, frames, 1], values 0 to 255.
      filters: width of each convolution.
      pool_sizes: frames that become one after each convolution.
      lstm_units: width of the LSTM, whose last state is returned.
      l2: weight decay of the convolutions' kernels; the LSTM has none.
      name: what the layers' names begin with.

    Returns:
      [batch, lstm_units].

    Raises:
      ModelError: the inputs have too few frames for the pooling.
    """
    _, bands, frames, _ = inputs.shape
    sides = [(SIDES[name][1], frames)]
    _check(inputs, sides, filters, pool_sizes, CRNN_KERNEL, name)
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    x = layers.Reshape((bands, frames), name=f"{name}_bands_frames")(x)
    x = layers.Permute((2, 1), name=f"{name}_frames_bands")(x)
    for i, (depth, pool) in enumerate(zip(filters, pool_sizes, strict=True), start=1):
        x = layers.Conv1D(depth, CRNN_KERNEL, **_convolution(l2), name=f"{name}_conv{i}")(x)
        x = layers.MaxPooling1D(pool, name=f"{name}_pool{i}")(x)
    return layers.LSTM(lstm_units, name=f"{name}_lstm")(x)


def _convolution(l2: float) -> dict[str, Any]:
    return {
        "activation": "relu",
        "kernel_initializer": "he_normal",
        "kernel_regularizer": regularizers.L2(l2),
    }


def _check(
    inputs: Tensor,
    sides: Iterable[tuple[str, int]],
    filters: Sequence[int],
    pool_sizes: Sequence[int],
    kernel_size: int,
    name: str,
) -> None:
    """Says what is wrong before Keras does; `sides` are settings and sizes of what is pooled."""
    if len(filters) != len(pool_sizes):
        raise ModelError(
            f"The {name} encoder has filters {tuple(filters)} but pooling {tuple(pool_sizes)}; "
            f"give one pooling for each convolution."
        )
    smallest = 1
    for pool in reversed(pool_sizes):
        smallest = smallest * pool + kernel_size - 1
    short = [f"{setting} {smallest}" for setting, size in sides if size < smallest]
    if short:
        raise ModelError(
            f"Inputs of {inputs.shape[1]} x {inputs.shape[2]} are too small for the pooling "
            f"{tuple(pool_sizes)} of the {name} encoder; build the data set with at least "
            f"{' '.join(dict.fromkeys(short))}."
        )
