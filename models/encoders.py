"""Encoders: from an input tensor to a vector. Single models have one, fusion models several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers, regularizers


class ModelError(ValueError):
    """A model that cannot be built: one sentence."""


Tensor = Any  # a Keras tensor; Keras publishes no type for it


def cnn_encoder(
    inputs: Tensor,
    *,
    filters: Sequence[int],
    pool_sizes: Sequence[int],
    kernel_size: int = 3,
    l2: float = 1e-3,
    name: str,
) -> Tensor:
    """Convolutions ('valid', relu), each followed by max pooling, flattened.

    Args:
      inputs: [batch, height, width, channels], values 0 to 255.
      filters: width of each convolution.
      pool_sizes: pooling after each convolution.
      kernel_size: height and width of the kernels.
      l2: weight decay of the kernels.
      name: prefix of the layers' names.

    Returns:
      [batch, height' * width' * filters[-1]].

    Raises:
      ModelError: the inputs are too small for the pooling.
    """
    x = layers.Rescaling(1 / 255, name=f"{name}_rescaling")(inputs)
    for i, (width, pool) in enumerate(zip(filters, pool_sizes, strict=True), start=1):
        x = layers.Conv2D(
            width,
            kernel_size,
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=regularizers.L2(l2),
            name=f"{name}_conv{i}",
        )(x)
        if min(x.shape[1:3]) < pool:
            raise ModelError(
                f"Inputs of {inputs.shape[1]} x {inputs.shape[2]} are too small for the pooling "
                f"{tuple(pool_sizes)} of the {name} encoder; build the data set with a larger "
                f"--image_size, or more --bands and --frames."
            )
        x = layers.MaxPooling2D(pool, name=f"{name}_pool{i}")(x)
    return layers.Flatten(name=f"{name}_flatten")(x)
