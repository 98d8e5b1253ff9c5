"""The graph of an export as a Keras model, for training it further or on another backend.

Keras models have inputs of fixed shapes, so the face is cropped and the clip cut into windows
before; the spectrogram is within. Only functions and layers of Keras are used: the file is loaded
in safe mode, without this project.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import scipy.signal
from keras import ops

from facevoice.export.network import portable_network
from facevoice.export.serving_graph import FACE, MODEL_INPUTS, PROBABILITIES, WINDOWS
from facevoice.features import FeatureSettings, column_centres
from facevoice.features.spectrogram import filterbank
from tfdata.schema import IMAGE, SPECTROGRAM

TINY = float(np.finfo(np.float32).tiny)


def keras_graph(network: keras.Model, modality: str, settings: FeatureSettings) -> keras.Model:
    """Returns a model from faces and windows to probabilities and spectrograms.

    Inputs: `face` uint8 [batch, size, size, 3] and `windows` float32 [batch, window_samples].
    Outputs: `probabilities` float32 [batch, people] and `model_spectrogram` uint8 [batch, bands,
    frames, 1].

    Args:
      network: of the run, from uint8 inputs to probabilities.
      modality: 'image', 'audio' or 'pair'.
      settings: of the dataset.
    """
    network = portable_network(network, unroll=False, only_keras=True)
    inputs: dict[str, Any] = {}
    batch: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    if modality != "audio":
        inputs[FACE] = batch[IMAGE] = keras.Input(settings.image_shape, dtype="uint8", name=FACE)
    if modality != "image":
        inputs[WINDOWS] = keras.Input((settings.window_samples,), name=WINDOWS)
        batch[SPECTROGRAM] = spectrograms(inputs[WINDOWS], settings)
        outputs[MODEL_INPUTS[SPECTROGRAM]] = batch[SPECTROGRAM]
    given = batch if modality == "pair" else next(iter(batch.values()))
    return keras.Model(inputs, {PROBABILITIES: network(given), **outputs})


def spectrograms(windows: Any, settings: FeatureSettings) -> Any:
    """Returns spectrograms as `audio_graph.spectrograms` does, by functions of Keras."""
    half = settings.fft_size // 2
    peak = ops.max(ops.abs(windows), axis=1, keepdims=True)
    padded = ops.pad(windows / ops.maximum(peak, TINY), [[0, 0], [half, half]])
    places = column_centres(settings)[:, None] + np.arange(settings.fft_size)
    hann = scipy.signal.windows.hann(settings.fft_size, sym=False).astype(np.float32)
    frames = ops.multiply(ops.take(padded, places.astype(np.int32), axis=1), hann)
    real, imaginary = ops.rfft(frames, settings.fft_size)
    power = ops.matmul(ops.square(real) + ops.square(imaginary), filterbank(settings).T)
    loudest = ops.maximum(ops.max(power, axis=(1, 2), keepdims=True), TINY)
    ratio = ops.maximum(power / loudest, 10.0 ** (settings.floor_db / 10))
    decibels = ops.log(ratio) * (10 / math.log(10))
    levels = ops.round((decibels * (-1 / settings.floor_db) + 1) * 255)
    return ops.cast(ops.expand_dims(ops.transpose(levels, (0, 2, 1)), -1), "uint8")
