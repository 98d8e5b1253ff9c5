"""Cuts a clip into windows and computes their spectrograms in TensorFlow's graph.

The constants are those of `facevoice.features`, so a window has the levels that a build stores,
apart from rounding. Only operations that LiteRT and ONNX have, too, are used.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.signal
import tensorflow as tf

from facevoice.features import MOST_WINDOWS, FeatureSettings, column_centres
from facevoice.features.silence import RESAMPLING_MARGIN_SECONDS, SILENCE_RANGE, SILENCE_SECONDS
from facevoice.features.spectrogram import filterbank

TINY = float(np.finfo(np.float32).tiny)


def cut_windows(samples: tf.Tensor, settings: FeatureSettings) -> tf.Tensor:
    """Returns the windows of a clip, as `consecutive_starts` selects them for a prediction.

    A clip that is shorter than a window is repeated until the window is full.

    Args:
      samples: float32 [samples], at least one, at `sample_rate_hz`.
      settings: sample rate and window length.

    Returns:
      float32 [windows, window_samples], at most MOST_WINDOWS.
    """
    length = tf.size(samples)
    count = tf.maximum(length // settings.window_samples, 1)
    kept = tf.minimum(count, MOST_WINDOWS)
    # Spread evenly. MOST_WINDOWS - 1 is odd, so there are no halves to round.
    steps = tf.range(kept) * (count - 1)
    spread = tf.cast(steps, tf.float32) / tf.cast(tf.maximum(kept - 1, 1), tf.float32)
    starts = tf.cast(tf.round(spread), tf.int32) * settings.window_samples
    places = starts[:, None] + tf.range(settings.window_samples)[None]
    return tf.gather(samples, tf.math.floormod(places, length))


def has_sound(windows: tf.Tensor, settings: FeatureSettings) -> tf.Tensor:
    """Returns which windows are not silent, bool [windows], as a build judges clips in PCM.

    Args:
      windows: float32 [windows, window_samples].
      settings: sample rate and window length.
    """
    rate_hz, length = settings.sample_rate_hz, settings.window_samples
    edge = math.ceil(RESAMPLING_MARGIN_SECONDS * rate_hz)
    piece = math.ceil(SILENCE_SECONDS * rate_hz)
    first, last = min(edge, length // 2), length - edge - piece
    starts = np.append(np.arange(first, last, max(1, piece // 2)), last)
    pieces = tf.gather(windows, (starts[:, None] + np.arange(piece)).astype(np.int32), axis=1)
    ranges = tf.reduce_max(pieces, axis=2) - tf.reduce_min(pieces, axis=2)
    return tf.reduce_max(ranges, axis=1) > SILENCE_RANGE


def spectrograms(
    windows: tf.Tensor, settings: FeatureSettings, *, use_fft: bool = True
) -> tf.Tensor:
    """Returns the spectrograms of windows, uint8 [windows, bands, frames, 1].

    Those of windows of zeros are zeros.

    Args:
      windows: float32 [windows, window_samples].
      settings: axes, FFT size and floor.
      use_fft: False computes the Fourier transform as a product with a matrix, for formats without
        complex numbers.
    """
    half = settings.fft_size // 2
    peak = tf.reduce_max(tf.abs(windows), axis=1, keepdims=True)
    padded = tf.pad(windows / tf.maximum(peak, TINY), [[0, 0], [half, half]])
    places = column_centres(settings)[:, None] + np.arange(settings.fft_size)
    frames = tf.gather(padded, places.astype(np.int32), axis=1)
    hann = scipy.signal.windows.hann(settings.fft_size, sym=False).astype(np.float32)
    power = (_fft_power if use_fft else _dft_power)(frames * hann, settings.fft_size)
    bins = settings.fft_size // 2 + 1
    flat = tf.matmul(tf.reshape(power, (-1, bins)), tf.constant(filterbank(settings).T))
    by_frame = tf.reshape(flat, (-1, settings.frames, settings.bands))
    return _levels(tf.transpose(by_frame, (0, 2, 1)), settings.floor_db)[..., None]


def _fft_power(frames: tf.Tensor, fft_size: int) -> tf.Tensor:
    """Returns the power spectra [..., fft_size // 2 + 1] of frames [..., fft_size]."""
    spectra = tf.signal.rfft(frames, [fft_size])
    return tf.square(tf.math.real(spectra)) + tf.square(tf.math.imag(spectra))


def _dft_power(frames: tf.Tensor, fft_size: int) -> tf.Tensor:
    """Returns what `_fft_power` does, at several times the cost."""
    # The product of the indices is taken modulo the period, in integers, so that angles are exact.
    turns = np.outer(np.arange(fft_size), np.arange(fft_size // 2 + 1)) % fft_size
    angles = 2 * np.pi * turns / fft_size
    flat = tf.reshape(frames, (-1, fft_size))
    real, imaginary = (
        tf.matmul(flat, tf.constant(part(angles).astype(np.float32))) for part in (np.cos, np.sin)
    )
    return tf.square(real) + tf.square(imaginary)


def _levels(power: tf.Tensor, floor_db: float) -> tf.Tensor:
    """Quantises power [windows, bands, frames], as `power_to_levels` does each window."""
    peak = tf.maximum(tf.reduce_max(power, axis=(1, 2), keepdims=True), TINY)
    ratio = tf.maximum(power / peak, 10.0 ** (floor_db / 10))
    decibels = 10 / math.log(10) * tf.math.log(ratio)
    return tf.cast(tf.round(255 * (1 - decibels / floor_db)), tf.uint8)
