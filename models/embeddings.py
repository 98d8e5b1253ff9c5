"""Models on embeddings of pretrained encoders, which a build stores: small heads, and their fusion.

The encoders have seen thousands of people and are not trained further. A head subtracts the mean
embedding of the training split, as the embeddings of all people have much in common, and compares
the direction of the rest with one unit vector per person.
"""

from __future__ import annotations

import keras
from keras import layers

from models.encoders import Tensor
from models.heads import EMBEDDING, LOGIT_SCALE, probabilities
from models.product_of_experts import Evidence

# Far above the variances, which add up to less than 1, so that only the mean is removed. Some
# numbers of GE2E are nearly always 0: divided by their deviations, they would be noise.
_EPSILON = 100.0
# Keras' 0.99 is too slow for trainings of a few hundred steps.
_MOMENTUM = 0.95


def embedding_image(embedding_shape: tuple[int], classes: int) -> keras.Model:
    """Builds a classifier of the embeddings of faces.

    Args:
      embedding_shape: (dimension,).
      classes: number of people.

    Returns:
      A model from float32 [batch, dimension] to probabilities [batch, classes].
    """
    return _classifier("image", embedding_shape, classes)


def embedding_audio(embedding_shape: tuple[int], classes: int) -> keras.Model:
    """Builds a classifier of the embeddings of windows of audio; see `embedding_image`."""
    return _classifier("audio", embedding_shape, classes)


def embedding_fusion(
    image_embedding_shape: tuple[int], audio_embedding_shape: tuple[int], classes: int
) -> keras.Model:
    """Builds the product of experts of `embedding_image` and `embedding_audio`.

    Args:
      image_embedding_shape, audio_embedding_shape: (dimension,) of either.
      classes: number of people.

    Returns:
      A model from {'image_embedding': float32 [batch, dimension], 'audio_embedding': float32
      [batch, dimension]} to probabilities [batch, classes]. A missing input is given as zeros.
    """
    image = _input("image", image_embedding_shape)
    audio = _input("audio", audio_embedding_shape)
    x = Evidence(dtype="float32", name=EMBEDDING)(
        [_centred(image, "image"), _centred(audio, "audio"), image, audio]
    )
    inputs = {"image_embedding": image, "audio_embedding": audio}
    outputs = probabilities(x, classes, use_bias=False)
    return keras.Model(inputs, outputs, name="embedding_fusion")


def _classifier(modality: str, shape: tuple[int], classes: int) -> keras.Model:
    inputs = _input(modality, shape)
    x = _centred(inputs, modality)
    x = layers.Rescaling(LOGIT_SCALE, dtype="float32", name=EMBEDDING)(x)
    # With vectors of length 1 per person, logits are LOGIT_SCALE times a cosine.
    outputs = probabilities(x, classes, use_bias=False, unit_norm=True)
    return keras.Model(inputs, outputs, name=f"embedding_{modality}")


def _input(modality: str, shape: tuple[int]) -> keras.KerasTensor:
    return keras.Input(shape, dtype="float32", name=f"{modality}_embedding")


def _centred(x: Tensor, modality: str) -> Tensor:
    """Returns unit vectors [batch, dimension], float32 under any dtype policy."""
    x = layers.BatchNormalization(
        momentum=_MOMENTUM,
        epsilon=_EPSILON,
        center=False,
        scale=False,
        dtype="float32",
        name=f"{modality}_centred",
    )(x)
    return layers.UnitNormalization(dtype="float32", name=f"{modality}_unit")(x)
