"""Computes the uint8 spectrogram of one window of samples.

A short-time Fourier transform (Hann window, centred frames, zero padding, as librosa's
`center=True`) is multiplied by a cached filterbank and quantised, in decibels relative to the
maximum of the window.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from facevoice.features.settings import FeatureSettings


def spectrogram(window: NDArray[np.float32], settings: FeatureSettings) -> NDArray[np.uint8]:
    """Computes the spectrogram of one window.

    Args:
      window: float32 [window_samples], finite, not silent.
      settings: axes, FFT size and floor.

    Returns:
      uint8 [bands, frames]; row 0 is the lowest band, column 0 the start of the window. The level
      of value v is `levels_to_db(v)`.
    """
    half = settings.fft_size // 2
    # Levels are relative; without scaling, squares of very large samples would overflow.
    scaled = (window / np.abs(window).max()).astype(np.float32, copy=False)
    padded = np.zeros(len(scaled) + settings.fft_size, np.float32)
    padded[half : half + len(scaled)] = scaled
    frames = _sliding_windows(padded, settings.fft_size)[column_centres(settings)]
    spectra = scipy.fft.rfft(frames * _hann(settings.fft_size), axis=1)
    power = spectra.real**2 + spectra.imag**2
    return power_to_levels(_sparse_filterbank(settings) @ power.T, settings.floor_db)


@lru_cache(maxsize=4)
def column_centres(settings: FeatureSettings) -> NDArray[np.intp]:
    """Returns the centre of each column, in samples: `frames` of them, evenly spaced.

    The first centre is the start of the window and the last its end, as with the 1 + N / hop frames
    of librosa. Centres are rounded to the nearest sample.
    """
    centres = np.rint(np.linspace(0, settings.window_samples, settings.frames)).astype(np.intp)
    centres.flags.writeable = False  # cached
    return centres


def band_centres_hz(settings: FeatureSettings) -> NDArray[np.float64]:
    """Returns the frequency of each row, in Hz: equal steps in octaves (log) or in Slaney mel."""
    if settings.frequency_scale == "log":
        return np.geomspace(settings.min_hz, settings.max_hz, settings.bands)
    import librosa

    edges = librosa.mel_frequencies(settings.bands + 2, fmin=settings.min_hz, fmax=settings.max_hz)
    return edges[1:-1]


def power_to_levels(power: NDArray[np.float32], floor_db: float) -> NDArray[np.uint8]:
    """Quantises power: 255 at the maximum of the array, 0 at `floor_db` relative to it and below.

    An array without any power, which sparse columns can give, becomes zeros.
    """
    peak = max(power.max(), np.finfo(np.float32).tiny)
    decibels = 10 * np.log10(np.maximum(power / peak, 10.0 ** (floor_db / 10)))
    return np.rint(255 * (1 - decibels / floor_db)).astype(np.uint8)


def levels_to_db(levels: NDArray[np.uint8], floor_db: float) -> NDArray[np.float64]:
    """Returns decibels relative to the maximum of the window, `floor_db * (1 - v / 255)`."""
    return floor_db * (1 - levels / 255.0)


def _sliding_windows(samples: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Returns a view of all slices of one size: float32 [slices, size].

    Like `numpy.lib.stride_tricks.sliding_window_view`, at a tenth of the time.
    """
    step = samples.itemsize
    return np.ndarray((len(samples) - size + 1, size), samples.dtype, samples, 0, (step, step))


@lru_cache(maxsize=4)
def _sparse_filterbank(settings: FeatureSettings) -> scipy.sparse.csr_array:
    """Returns the filterbank as a sparse array; 98 % of it are zeros.

    The sparse product is four times as fast, adds in the same order on all processors, and does
    not use BLAS, which would start one thread per core in each worker.
    """
    return scipy.sparse.csr_array(filterbank(settings))


@lru_cache(maxsize=4)
def filterbank(settings: FeatureSettings) -> NDArray[np.float32]:
    """Returns weights from power spectrum to bands, float32 [bands, fft_size // 2 + 1].

    mel: `librosa.filters.mel` (Slaney's scale and area normalisation).
    log: triangles from the centre of the lower to that of the upper neighbour, and at least one bin
    to each side. Below about 400 Hz, where bands are narrower than bins, this interpolates linearly
    between the two nearest bins, so no band is empty. Rows are scaled such that a steady tone at
    the centre has the same level in every band, as in a constant-Q transform.
    """
    if settings.frequency_scale == "mel":
        return _mel_filterbank(settings)
    bin_hz = settings.sample_rate_hz / settings.fft_size
    bins_hz = np.arange(settings.fft_size // 2 + 1) * bin_hz
    centres = band_centres_hz(settings)[:, None]
    ratio = (settings.max_hz / settings.min_hz) ** (1 / (settings.bands - 1))
    below = np.minimum(centres / ratio, centres - bin_hz)
    above = np.maximum(centres * ratio, centres + bin_hz)
    rising = (bins_hz - below) / (centres - below)
    falling = (above - bins_hz) / (above - centres)
    weights = np.clip(np.minimum(rising, falling), 0, None)

    # Response to a complex tone at each centre, or to a real one of amplitude 2 without its mirror.
    seconds = np.arange(settings.fft_size) / settings.sample_rate_hz
    tones = np.exp(2j * np.pi * centres * seconds) * _hann(settings.fft_size)
    spectra = np.abs(np.fft.fft(tones, axis=1)[:, : len(bins_hz)]) ** 2
    response = (weights * spectra).sum(axis=1, keepdims=True)
    return np.ascontiguousarray(weights / response, dtype=np.float32)


def _mel_filterbank(settings: FeatureSettings) -> NDArray[np.float32]:
    import librosa

    weights: NDArray[np.float32] = librosa.filters.mel(
        sr=settings.sample_rate_hz,
        n_fft=settings.fft_size,
        n_mels=settings.bands,
        fmin=settings.min_hz,
        fmax=settings.max_hz,
    )
    return weights


@lru_cache(maxsize=4)
def _hann(size: int) -> NDArray[np.float32]:
    """Returns the periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
