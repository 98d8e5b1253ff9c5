"""The models by name: what each reads, how it is built, and how it is trained by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from models.encoders import ModelError
from models.image import cnn_image, linear_image


@dataclass(frozen=True)
class Inputs:
    """Shapes of what a data set can give to a model."""

    image_shape: tuple[int, int, int]
    spectrogram_shape: tuple[int, int, int]


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
      modality: what the model reads: 'image', 'audio' or 'pair'.
      build: (shape or shapes, classes, **hyper-parameters) -> model.
      learning_rate: of Adam, by default.
      batch_size: examples a step, by default.
    """

    modality: str
    build: Callable[..., keras.Model]
    learning_rate: float
    batch_size: int = 32


MODELS: dict[str, ModelSpec] = {
    "cnn_image": ModelSpec("image", cnn_image, learning_rate=1e-3),
    "linear_image": ModelSpec("image", linear_image, learning_rate=1e-4),
}


def build_model(name: str, inputs: Inputs, classes: int, **hyper_parameters: Any) -> keras.Model:
    """Builds a registered model for the given inputs.

    Raises:
      ModelError: no such model, or inputs too small for its pooling.
    """
    if name not in MODELS:
        raise ModelError(f"There is no model {name!r}; there are {', '.join(MODELS)}.")
    spec = MODELS[name]
    shapes = {
        "image": (inputs.image_shape,),
        "audio": (inputs.spectrogram_shape,),
        "pair": (inputs.image_shape, inputs.spectrogram_shape),
    }[spec.modality]
    return spec.build(*shapes, classes, **hyper_parameters)
