"""One window of samples to one uint8 spectrogram.

A short-time Fourier transform (Hann window, centred frames, zeros outside of the window, as
librosa's `center=True`) times a kept filterbank, in decibels below the window's own maximum.
"""

from __future__ import annotations

import warnings
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
      uint8 [bands, frames]; row 0 is the lowest band, column 0 the window's first instant. The
      level of value v is `levels_to_db(v)`.
    """
    half = settings.fft_size // 2
    # Levels are relative, and squares of what a damaged float file may hold overflow.
    scaled = (window / np.abs(window).max()).astype(np.float32, copy=False)
    padded = np.zeros(len(scaled) + settings.fft_size, np.float32)
    padded[half : half + len(scaled)] = scaled
    pieces = _pieces(padded, settings.fft_size)
    spectra = scipy.fft.rfft(pieces[column_centres(settings)] * _hann(settings.fft_size), axis=1)
    power = spectra.real**2 + spectra.imag**2
    return power_to_levels(_sparse_filterbank(settings) @ power.T, settings.floor_db)


@lru_cache(maxsize=4)
def column_centres(settings: FeatureSettings) -> NDArray[np.intp]:
    """Centre of each column, in samples: `frames` of them, evenly spaced over the window.

    The first lies on the window's first instant, the last on its end, as the 1 + N / hop frames
    of librosa do; where the spacing is not a whole number, to the nearest sample.
    """
    centres = np.rint(np.linspace(0, settings.window_samples, settings.frames)).astype(np.intp)
    centres.flags.writeable = False  # kept for all windows
    return centres


def band_centres_hz(settings: FeatureSettings) -> NDArray[np.float64]:
    """Frequency of each row, Hz: equal steps in octaves (log) or in mel (Slaney's formula)."""
    if settings.frequency_scale == "log":
        return np.geomspace(settings.min_hz, settings.max_hz, settings.bands)
    import librosa

    edges = librosa.mel_frequencies(settings.bands + 2, fmin=settings.min_hz, fmax=settings.max_hz)
    return edges[1:-1]


def power_to_levels(power: NDArray[np.float32], floor_db: float) -> NDArray[np.uint8]:
    """Quantises power to 255 at the array's maximum and 0 at `floor_db` below it, or less.

    Without any power (columns so far apart that no sound falls on one) all is 0.
    """
    peak = max(power.max(), np.finfo(np.float32).tiny)
    decibels = 10 * np.log10(np.maximum(power / peak, 10.0 ** (floor_db / 10)))
    return np.rint(255 * (1 - decibels / floor_db)).astype(np.uint8)


def levels_to_db(levels: NDArray[np.uint8], floor_db: float) -> NDArray[np.float64]:
    """The inverse: decibels below the window's maximum, `floor_db * (1 - v / 255)`."""
    return floor_db * (1 - levels / 255.0)


def _pieces(samples: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """All pieces of that size, one beginning at each sample: float32 [pieces, size], a view.

    As `numpy.lib.stride_tricks.sliding_window_view`, which takes ten times as long.
    """
    step = samples.itemsize
    return np.ndarray((len(samples) - size + 1, size), samples.dtype, samples, 0, (step, step))


@lru_cache(maxsize=4)
def _sparse_filterbank(settings: FeatureSettings) -> scipy.sparse.csr_array:
    """The filterbank without its zeros, which are 98 % of it.

    The product is four times as fast, adds in one order on all processors, and leaves out BLAS,
    which would start a thread a core in each of the workers that share them.
    """
    return scipy.sparse.csr_array(filterbank(settings))


@lru_cache(maxsize=4)
def filterbank(settings: FeatureSettings) -> NDArray[np.float32]:
    """Weights from power spectrum to bands, float32 [bands, fft_size // 2 + 1].

    mel: `librosa.filters.mel` (Slaney's scale and area normalisation).
    log: triangles over the FFT's bins that reach from the lower to the upper neighbour's centre,
    and at least one bin to each side. Below about 400 Hz, where bands lie closer together than
    bins, that is linear interpolation between the two nearest bins, so no band is ever empty.
    Each row is scaled such that a steady tone at its centre reads the same in every band, as in
    a constant-Q transform.
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

    # Response to a complex tone at each centre; a real one of amplitude 2 but for its mirror image.
    seconds = np.arange(settings.fft_size) / settings.sample_rate_hz
    tones = np.exp(2j * np.pi * centres * seconds) * _hann(settings.fft_size)
    spectra = np.abs(np.fft.fft(tones, axis=1)[:, : len(bins_hz)]) ** 2
    response = (weights * spectra).sum(axis=1, keepdims=True)
    return np.ascontiguousarray(weights / response, dtype=np.float32)


def _mel_filterbank(settings: FeatureSettings) -> NDArray[np.float32]:
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty filters: they are refused below
        weights = librosa.filters.mel(
            sr=settings.sample_rate_hz,
            n_fft=settings.fft_size,
            n_mels=settings.bands,
            fmin=settings.min_hz,
            fmax=settings.max_hz,
        )
    if not weights.any(axis=1).all():
        empty = int((~weights.any(axis=1)).sum())
        raise ValueError(
            f"--bands {settings.bands} on the mel scale leaves {empty} bands without a single "
            f"bin of --fft_size {settings.fft_size}; use fewer bands or a larger FFT."
        )
    return weights


@lru_cache(maxsize=4)
def _hann(size: int) -> NDArray[np.float32]:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
