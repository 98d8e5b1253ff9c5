"""Fusion models: the encoders of a face model and a voice model, concatenated.

An encoder's layers have the same names and shapes in the single model and in the fusion model.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from models.encoders import (
    AUDIO_FILTERS,
    AUDIO_POOLS,
    CRNN_FILTERS,
    CRNN_POOLS,
    IMAGE_FILTERS,
    IMAGE_POOLS,
    L2,
    LSTM_UNITS,
    cnn_encoder,
    crnn_encoder,
)
from models.heads import classifier, projection


def cnn_cnn(
    image_shape: tuple[int, int, int],
    spectrogram_shape: tuple[int, int, int],
    classes: int,
    *,
    image_filters: Sequence[int] = IMAGE_FILTERS,
    image_pool_sizes: Sequence[int] = IMAGE_POOLS,
    audio_filters: Sequence[int] = AUDIO_FILTERS,
    audio_pool_sizes: Sequence[int] = AUDIO_POOLS,
    dense_units: int = 64,
    dropout: float = 0.15,
    l2: float = L2,
) -> keras.Model:
    """Builds a fusion of the encoders of `cnn_image` and `cnn_audio`.

    It has 7,489,256 parameters at (246, 246, 3), (128, 128, 1) and 40 classes, as in the study.

    Args:
      image_shape: (height, width, 3).
      spectrogram_shape: (bands, frames, 1).
      classes: number of people.
      image_filters, image_pool_sizes, audio_filters, audio_pool_sizes: see `cnn_encoder`.
      dense_units: width of the embedding.
      dropout: dropout rate after the embedding.
      l2: weight decay of the convolutions and the embedding.

    Returns:
      A model from {'image': uint8 [batch, height, width, 3], 'spectrogram': uint8 [batch, bands,
      frames, 1]} to probabilities [batch, classes].

    Raises:
      ModelError: images or spectrograms are too small for the pool sizes.
    """
    image, spectrogram = _inputs(image_shape, spectrogram_shape)
    face = cnn_encoder(
        image, filters=image_filters, pool_sizes=image_pool_sizes, l2=l2, name="image"
    )
    voice = cnn_encoder(
        spectrogram, filters=audio_filters, pool_sizes=audio_pool_sizes, l2=l2, name="audio"
    )
    x = layers.Concatenate(name="face_and_voice")([face, voice])
    outputs = classifier(x, classes, units=dense_units, l2=l2, dropout=dropout)
    return keras.Model({"image": image, "spectrogram": spectrogram}, outputs, name="cnn_cnn")


def cnn_crnn(
    image_shape: tuple[int, int, int],
    spectrogram_shape: tuple[int, int, int],
    classes: int,
    *,
    image_filters: Sequence[int] = IMAGE_FILTERS,
    image_pool_sizes: Sequence[int] = IMAGE_POOLS,
    image_units: int = 64,
    audio_filters: Sequence[int] = CRNN_FILTERS,
    audio_pool_sizes: Sequence[int] = CRNN_POOLS,
    lstm_units: int = LSTM_UNITS,
    dense_units: int = 64,
    dropout: float = 0.15,
    l2: float = L2,
) -> keras.Model:
    """Builds a fusion of the encoder of `cnn_image` with a Dense layer, and that of `crnn_audio`.

    It has 3,867,560 parameters at (246, 246, 3), (128, 128, 1) and 40 classes, as in the study. The
    Dense layer reduces the face's features to the size of the voice's; it has no weight decay.

    Args:
      image_shape: (height, width, 3).
      spectrogram_shape: (bands, frames, 1).
      classes: number of people.
      image_filters, image_pool_sizes: see `cnn_encoder`.
      image_units: width of the face's Dense layer.
      audio_filters, audio_pool_sizes, lstm_units: see `crnn_encoder`.
      dense_units: width of the embedding.
      dropout: dropout rate after the embedding.
      l2: weight decay of the convolutions and the embedding.

    Returns:
      A model from {'image': uint8 [batch, height, width, 3], 'spectrogram': uint8 [batch, bands,
      frames, 1]} to probabilities [batch, classes].

    Raises:
      ModelError: images or spectrograms are too small for the pool sizes.
    """
    image, spectrogram = _inputs(image_shape, spectrogram_shape)
    face = cnn_encoder(
        image, filters=image_filters, pool_sizes=image_pool_sizes, l2=l2, name="image"
    )
    face = projection(face, image_units, l2=0.0, name="image_projection")
    voice = crnn_encoder(
        spectrogram,
        filters=audio_filters,
        pool_sizes=audio_pool_sizes,
        lstm_units=lstm_units,
        l2=l2,
    )
    x = layers.Concatenate(name="face_and_voice")([face, voice])
    outputs = classifier(x, classes, units=dense_units, l2=l2, dropout=dropout)
    return keras.Model({"image": image, "spectrogram": spectrogram}, outputs, name="cnn_crnn")


def _inputs(
    image_shape: tuple[int, int, int], spectrogram_shape: tuple[int, int, int]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    return (
        keras.Input(image_shape, dtype="uint8", name="image"),
        keras.Input(spectrogram_shape, dtype="uint8", name="spectrogram"),
    )
