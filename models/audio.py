"""Voice models: spectrograms to probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from models.encoders import (
    AUDIO_FILTERS,
    AUDIO_POOLS,
    CRNN_FILTERS,
    CRNN_POOLS,
    L2,
    LSTM_UNITS,
    cnn_encoder,
    crnn_encoder,
)
from models.heads import classifier, unit_norm_classifier
from models.residual import DROPOUT, UNITS, WIDTHS, residual_audio_encoder


def cnn_audio(
    spectrogram_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = AUDIO_FILTERS,
    pool_sizes: Sequence[int] = AUDIO_POOLS,
    dense_units: int = 64,
    dropout: float = 0.0,
    l2: float = L2,
) -> keras.Model:
    """Builds the study's voice CNN: 3,764,136 parameters at (128, 128, 1) and 40 classes.

    Args:
      spectrogram_shape: (bands, frames, 1).
      classes: number of people.
      filters, pool_sizes: see `cnn_encoder`.
      dense_units: width of the embedding.
      dropout: dropout rate after the embedding; 0 in the study.
      l2: weight decay of the convolutions and the embedding.

    Returns:
      A model from uint8 [batch, bands, frames, 1] to probabilities [batch, classes].

    Raises:
      ModelError: the spectrograms are too small for the pool sizes.
    """
    inputs = keras.Input(spectrogram_shape, dtype="uint8", name="spectrogram")
    x = cnn_encoder(inputs, filters=filters, pool_sizes=pool_sizes, l2=l2, name="audio")
    outputs = classifier(x, classes, units=dense_units, l2=l2, dropout=dropout)
    return keras.Model(inputs, outputs, name="cnn_audio")


def crnn_audio(
    spectrogram_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = CRNN_FILTERS,
    pool_sizes: Sequence[int] = CRNN_POOLS,
    lstm_units: int = LSTM_UNITS,
    dense_units: int = 64,
    dropout: float = 0.0,
    l2: float = L2,
) -> keras.Model:
    """Builds the study's voice CRNN: 138,280 parameters at (128, 128, 1) and 40 classes.

    It runs along time; the study's ran along frequency.

    Args:
      spectrogram_shape: (bands, frames, 1).
      classes: number of people.
      filters, pool_sizes, lstm_units: see `crnn_encoder`.
      dense_units: width of the embedding.
      dropout: dropout rate after the embedding; 0 in the study.
      l2: weight decay of the convolutions and the embedding.

    Returns:
      A model from uint8 [batch, bands, frames, 1] to probabilities [batch, classes].

    Raises:
      ModelError: the spectrograms have too few frames for the pool sizes.
    """
    inputs = keras.Input(spectrogram_shape, dtype="uint8", name="spectrogram")
    x = crnn_encoder(inputs, filters=filters, pool_sizes=pool_sizes, lstm_units=lstm_units, l2=l2)
    outputs = classifier(x, classes, units=dense_units, l2=l2, dropout=dropout)
    return keras.Model(inputs, outputs, name="crnn_audio")


def resnet_audio(
    spectrogram_shape: tuple[int, int, int],
    classes: int,
    *,
    widths: Sequence[int] = WIDTHS,
    units: int = UNITS,
    dropout: float = DROPOUT,
) -> keras.Model:
    """Builds a residual voice CNN of less than half a million parameters.

    Args:
      spectrogram_shape: (bands, frames, 1).
      classes: number of people.
      widths, units, dropout: see `residual_audio_encoder`.

    Returns:
      A model from uint8 [batch, bands, frames, 1] to probabilities [batch, classes].

    Raises:
      ModelError: the spectrograms are too small.
    """
    inputs = keras.Input(spectrogram_shape, dtype="uint8", name="spectrogram")
    x = residual_audio_encoder(inputs, widths=widths, units=units, dropout=dropout)
    return keras.Model(inputs, unit_norm_classifier(x, classes), name="resnet_audio")
