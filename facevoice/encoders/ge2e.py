"""The GE2E voice encoder of Resemblyzer: 256 numbers for a recording.

An LSTM of three layers reads mel spectrograms of 1.6 s; the last state, through a dense layer with
relu, is the embedding of a part, and the normalised mean of overlapping parts that of a recording
(Wan et al., "Generalized End-to-End Loss for Speaker Verification", 2018). The front end is that of
Resemblyzer 0.1.4 (hparams.py, audio.py, voice_encoder.py), except that pauses are not removed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.litert import Graph, Model
from facevoice.encoders.mel import mel_filterbank
from facevoice.weights import GE2E, read_arrays

Floats = NDArray[np.float32]

SAMPLE_RATE_HZ = 16000
FFT_SIZE, HOP, BANDS = 400, 160, 40  # 25 ms, 10 ms
TARGET_DBFS = -30.0  # quieter recordings are amplified to this power; 0 is a square wave of 1
PART_FRAMES = 160
PART_STEP = 77  # frames: 1.3 parts a second
# The last part is left out if less of it is covered, unless it is the only one.
MIN_COVERAGE = 0.75
LAYERS, UNITS = 3, 256
BATCH = 4  # parts that the network reads at once; missing ones are zeros


class Ge2e:
    """The encoder; see `facevoice.encoders.base.AudioEncoder`."""

    archive = GE2E
    info = EncoderInfo("ge2e", GE2E.version, GE2E.digest, UNITS, "audio")
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self) -> None:
        """Loads the weights.

        Raises:
          WeightsError: they are missing or damaged.
          EncoderError: LiteRT is missing.
        """
        self._network = Network(read_arrays(GE2E))

    def __call__(self, samples: Floats) -> Floats:
        parts = mel_parts(samples)
        batches = [self._network(parts[i : i + BATCH]) for i in range(0, len(parts), BATCH)]
        embeddings = np.concatenate(batches)
        return (embeddings / _norms(embeddings)).mean(axis=0)


class Network:
    """The LSTM and the dense layer, for up to BATCH parts at once."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._layers = [_LstmLayer(weights, f"lstm{i}") for i in range(1, LAYERS + 1)]
        graph = Graph()
        states = graph.input(BATCH, UNITS)
        self._dense = graph.build(
            graph.dense(states, weights["dense_kernel"], weights["dense_bias"], relu=True)
        )

    def __call__(self, parts: Floats) -> Floats:
        """Returns the embeddings [parts, UNITS] of parts [parts, PART_FRAMES, BANDS]."""
        padded = np.zeros((BATCH, PART_FRAMES, BANDS), np.float32)
        padded[: len(parts)] = parts
        x = padded.transpose(1, 0, 2)  # frames first
        for layer in self._layers:
            x = layer(x)
        return self._dense(x[-1])[0][: len(parts)]


class _LstmLayer:
    """A layer of an LSTM: one model for the inputs of all frames, and one for a step."""

    def __init__(self, weights: Mapping[str, Floats], name: str) -> None:
        kernel = weights[f"{name}_kernel"]
        graph = Graph()
        inputs = graph.input(PART_FRAMES * BATCH, len(kernel))
        self._project = graph.build(graph.dense(inputs, kernel, weights[f"{name}_bias"]))
        self._step = _lstm_step(weights[f"{name}_recurrent_kernel"])

    def __call__(self, x: Floats) -> Floats:
        """Returns the outputs [frames, BATCH, UNITS] for inputs [frames, BATCH, any]."""
        (projected,) = self._project(x.reshape(PART_FRAMES * BATCH, -1))
        output = cell = np.zeros((BATCH, UNITS), np.float32)
        outputs = []
        for frame in projected.reshape(PART_FRAMES, BATCH, 4 * UNITS):
            output, cell = self._step(frame, output, cell)
            outputs.append(output)
        return np.stack(outputs)


def _lstm_step(recurrent_kernel: Floats) -> Model:
    """Returns one step: projected inputs, last output and last cell to output and cell."""
    graph = Graph()
    projected = graph.input(BATCH, 4 * UNITS)
    last_output, last_cell = graph.input(BATCH, UNITS), graph.input(BATCH, UNITS)
    gates = graph.add(projected, graph.dense(last_output, recurrent_kernel))
    entry, forget, candidate, exit_ = graph.split(gates, 4)
    kept = graph.multiply(graph.logistic(forget), last_cell)
    added = graph.multiply(graph.logistic(entry), graph.tanh(candidate))
    cell = graph.add(kept, added)
    output = graph.multiply(graph.logistic(exit_), graph.tanh(cell))
    return graph.build(output, cell)


def mel_parts(samples: Floats) -> Floats:
    """Returns the parts of a recording, [parts, PART_FRAMES, BANDS], padded with zeros at the end.

    Args:
      samples: mono, at SAMPLE_RATE_HZ, not silent.
    """
    frames = math.ceil((len(samples) + 1) / HOP)
    starts = list(range(0, max(1, frames - PART_FRAMES + PART_STEP + 1), PART_STEP))
    covered = (len(samples) - starts[-1] * HOP) / (PART_FRAMES * HOP)
    if len(starts) > 1 and covered < MIN_COVERAGE:
        starts.pop()
    padded = np.zeros(max(len(samples), (starts[-1] + PART_FRAMES) * HOP), np.float32)
    padded[: len(samples)] = amplify(samples)
    spectrogram = mel_spectrogram(padded)
    return np.stack([spectrogram[start : start + PART_FRAMES] for start in starts])


def amplify(samples: Floats) -> Floats:
    """Returns samples with a power of at least TARGET_DBFS."""
    rms = math.sqrt(np.mean(samples.astype(np.float64) ** 2))
    return samples * np.float32(max(1.0, 10 ** (TARGET_DBFS / 20) / rms))


def mel_spectrogram(samples: Floats) -> Floats:
    """Returns the power in mel bands, [frames, BANDS], of centred frames; librosa's defaults."""
    padded = np.pad(samples, FFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    spectra = scipy.fft.rfft(frames * _hann(), axis=1)
    power = spectra.real**2 + spectra.imag**2
    return (_filterbank() @ power.T).T


@cache
def _hann() -> Floats:
    """Returns the periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE)).astype(np.float32)


@cache
def _filterbank() -> scipy.sparse.csr_array:
    """Returns the filterbank as a sparse array, whose product does not use BLAS and its threads."""
    return scipy.sparse.csr_array(mel_filterbank(SAMPLE_RATE_HZ, FFT_SIZE, BANDS))


def _norms(embeddings: Floats) -> Floats:
    norms = np.sqrt((embeddings**2).sum(axis=1, keepdims=True))
    return np.maximum(norms, np.finfo(np.float32).tiny)
