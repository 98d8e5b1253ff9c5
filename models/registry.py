"""Registry of the models by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from models.audio import cnn_audio, crnn_audio, resnet_audio
from models.encoders import ModelError
from models.fusion import cnn_cnn, cnn_crnn
from models.image import cnn_image, linear_image, resnet_image
from models.product_of_experts import resnet_fusion


@dataclass(frozen=True)
class Inputs:
    """Shapes of a dataset's images and spectrograms."""

    image_shape: tuple[int, int, int]
    spectrogram_shape: tuple[int, int, int]


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
      modality: input of the model: 'image', 'audio' or 'pair'.
      description: one line for users.
      build: function (*input shapes, classes, **hyper-parameters) -> model.
    """

    modality: str
    description: str
    build: Callable[..., keras.Model]


MODELS: dict[str, ModelSpec] = {
    "cnn_image": ModelSpec(
        "image",
        "face: two convolutions",
        cnn_image,
    ),
    "cnn_audio": ModelSpec(
        "audio",
        "voice: two convolutions over bands and time",
        cnn_audio,
    ),
    "crnn_audio": ModelSpec(
        "audio",
        "voice: two convolutions and an LSTM over time",
        crnn_audio,
    ),
    "cnn_cnn": ModelSpec(
        "pair",
        "both: the encoders of cnn_image and cnn_audio, concatenated",
        cnn_cnn,
    ),
    "cnn_crnn": ModelSpec(
        "pair",
        "both: the encoders of cnn_image and crnn_audio, concatenated",
        cnn_crnn,
    ),
    "resnet_image": ModelSpec(
        "image",
        "face: three residual blocks, trained with augmentation",
        resnet_image,
    ),
    "resnet_audio": ModelSpec(
        "audio",
        "voice: three residual blocks, trained with augmentation",
        resnet_audio,
    ),
    "resnet_fusion": ModelSpec(
        "pair",
        "both or either: the product of experts of resnet_image and resnet_audio",
        resnet_fusion,
    ),
    "linear_image": ModelSpec(
        "image",
        "face: logistic regression on the pixels, the baseline",
        linear_image,
    ),
}


def build_model(name: str, inputs: Inputs, classes: int, **hyper_parameters: Any) -> keras.Model:
    """Builds a registered model for the given inputs.

    Args:
      name: a key of `MODELS`.
      inputs: input shapes; a model uses those of its modality.
      classes: number of people.
      **hyper_parameters: keyword arguments of the model's builder.

    Returns:
      A functional model from uint8 inputs to probabilities [batch, classes]. Its layer `EMBEDDING`
      is the input of the last Dense layer. A model of pairs takes a dictionary with 'image' and
      'spectrogram'.

    Raises:
      ModelError: there is no such model, or the inputs are too small for it.
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
