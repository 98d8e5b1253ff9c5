"""The models by name: what each reads, and how it is built."""

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
    """Shapes of what a data set can give to a model."""

    image_shape: tuple[int, int, int]
    spectrogram_shape: tuple[int, int, int]


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
      modality: what the model reads: 'image', 'audio' or 'pair'.
      description: one line for people who choose.
      build: (shape or shapes, classes, **hyper-parameters) -> model.
    """

    modality: str
    description: str
    build: Callable[..., keras.Model]


MODELS: dict[str, ModelSpec] = {
    "cnn_image": ModelSpec(
        "image",
        "faces: two convolutions",
        cnn_image,
    ),
    "cnn_audio": ModelSpec(
        "audio",
        "voices: two convolutions over bands and time",
        cnn_audio,
    ),
    "crnn_audio": ModelSpec(
        "audio",
        "voices: two convolutions and an LSTM along time",
        crnn_audio,
    ),
    "cnn_cnn": ModelSpec(
        "pair",
        "both: the convolutions of cnn_image and cnn_audio, joined",
        cnn_cnn,
    ),
    "cnn_crnn": ModelSpec(
        "pair",
        "both: the convolutions of cnn_image and the LSTM of crnn_audio, joined",
        cnn_crnn,
    ),
    "resnet_image": ModelSpec(
        "image",
        "faces: three residual blocks, trained with augmentation",
        resnet_image,
    ),
    "resnet_audio": ModelSpec(
        "audio",
        "voices: three residual blocks, trained with augmentation",
        resnet_audio,
    ),
    "resnet_fusion": ModelSpec(
        "pair",
        "both, or one alone: the product of resnet_image and resnet_audio",
        resnet_fusion,
    ),
    "linear_image": ModelSpec(
        "image",
        "faces: logistic regression on the pixels, the line to beat",
        linear_image,
    ),
}


def build_model(name: str, inputs: Inputs, classes: int, **hyper_parameters: Any) -> keras.Model:
    """Builds a registered model for the given inputs.

    Args:
      name: of the registry.
      inputs: shapes; a model takes those of its modality.
      classes: people to tell apart.
      **hyper_parameters: see the model's builder.

    Returns:
      A functional model from uint8 inputs to probabilities [batch, classes], whose layer
      `EMBEDDING` holds what the last Dense layer sees. A model of pairs takes a dictionary with
      'image' and 'spectrogram'.

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
