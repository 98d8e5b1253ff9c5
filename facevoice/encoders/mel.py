"""Mel filterbank of Slaney's Auditory Toolbox, as in librosa, whose import takes 200 MB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Slaney's mel scale: linear below 1 kHz, logarithmic above.
HZ_PER_MEL, LOG_START_MEL, LOG_STEP = 200 / 3, 15.0, np.log(6.4) / 27


def mel_filterbank(sample_rate_hz: int, fft_size: int, bands: int) -> NDArray[np.float32]:
    """Returns triangles from 0 Hz to half the sample rate, float32 [bands, fft_size // 2 + 1].

    Each has the area 1 over the frequency in Hz. Equals `librosa.filters.mel`.
    """
    bins_hz = np.arange(fft_size // 2 + 1) * (sample_rate_hz / fft_size)
    edges_hz = _to_hz(np.linspace(0, _to_mel(sample_rate_hz / 2), bands + 2))[:, None]
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangles = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre))
    return (np.maximum(triangles, 0) * (2 / (high - low))).astype(np.float32)


def _to_mel(hz: float) -> float:
    start_hz = LOG_START_MEL * HZ_PER_MEL
    if hz < start_hz:
        return hz / HZ_PER_MEL
    return float(LOG_START_MEL + np.log(hz / start_hz) / LOG_STEP)


def _to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = LOG_START_MEL * HZ_PER_MEL * np.exp(LOG_STEP * (mel - LOG_START_MEL))
    return np.where(mel < LOG_START_MEL, mel * HZ_PER_MEL, above)
