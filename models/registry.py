"""Registry of the models by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from models.audio import cnn_audio, crnn_audio, resnet_audio
from models.embeddings import embedding_audio, embedding_fusion, embedding_image
from models.encoders import ModelError
from models.fusion import cnn_cnn, cnn_crnn
from models.image import cnn_image, linear_image, resnet_image
from models.product_of_experts import resnet_fusion


@dataclass(frozen=True)
class Inputs:
    """Shapes of a dataset's arrays.

    Attributes:
      image_shape, spectrogram_shape: of an image and a spectrogram.
      embedding_dimensions: 'image' and 'audio' to the length of the embeddings, of those that the
        dataset has.
    """

    image_shape: tuple[int, int, int]
    spectrogram_shape: tuple[int, int, int]
    embedding_dimensions: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
      modality: media that the model reads: 'image', 'audio' or 'pair'.
      description: one line for users.
      build: function (*input shapes, classes, **hyper-parameters) -> model.
      on_embeddings: whether the inputs are the embeddings of the media, not the media.
    """

    modality: str
    description: str
    build: Callable[..., keras.Model]
    on_embeddings: bool = False

    @property
    def reads(self) -> str:
        """What `tfdata.load` reads for the model: its argument `modality`."""
        if not self.on_embeddings:
            return self.modality
        return "embeddings" if self.modality == "pair" else f"{self.modality}_embedding"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features of a record that are the inputs of the model."""
        modalities = ("image", "audio") if self.modality == "pair" else (self.modality,)
        if self.on_embeddings:
            return tuple(f"{modality}_embedding" for modality in modalities)
        return tuple({"image": "image", "audio": "spectrogram"}[each] for each in modalities)


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
        "face and voice: the encoders of cnn_image and cnn_audio, concatenated",
        cnn_cnn,
    ),
    "cnn_crnn": ModelSpec(
        "pair",
        "face and voice: the encoders of cnn_image and crnn_audio, concatenated",
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
        "face, voice or both: a product of two experts, resnet_image and resnet_audio",
        resnet_fusion,
    ),
    "embedding_image": ModelSpec(
        "image",
        "face: additive-margin classifier of the embeddings of a pretrained encoder",
        embedding_image,
        on_embeddings=True,
    ),
    "embedding_audio": ModelSpec(
        "audio",
        "voice: additive-margin classifier of the embeddings of a pretrained encoder",
        embedding_audio,
        on_embeddings=True,
    ),
    "embedding_fusion": ModelSpec(
        "pair",
        "face, voice or both: a product of two experts, embedding_image and embedding_audio",
        embedding_fusion,
        on_embeddings=True,
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
      A functional model from uint8 inputs, or from float32 embeddings, to probabilities [batch,
      classes]. Its layer `EMBEDDING` is the input of the last Dense layer. A model of pairs takes a
      dictionary with 'image' and 'spectrogram', or with 'image_embedding' and 'audio_embedding'.

    Raises:
      ModelError: there is no such model, the inputs are too small for it, or there are none.
    """
    if name not in MODELS:
        raise ModelError(f"There is no model {name!r}; there are {', '.join(MODELS)}.")
    spec = MODELS[name]
    shapes: dict[str, tuple[int, ...]] = {
        "image": inputs.image_shape,
        "spectrogram": inputs.spectrogram_shape,
        **{f"{key}_embedding": (size,) for key, size in inputs.embedding_dimensions.items()},
    }
    if missing := [name for name in spec.inputs if name not in shapes]:
        raise ModelError(f"The model {name} needs {missing[0]}, which the inputs lack.")
    return spec.build(*(shapes[name] for name in spec.inputs), classes, **hyper_parameters)
