"""librosa: the constant-Q transform, the mel spectrogram, and that with its filterbank kept."""

from __future__ import annotations

import one_thread  # before NumPy
from contest import serve  # isort: split

import librosa
import numpy as np
from numpy.typing import NDArray

RATE_HZ, BANDS, COLUMNS, FFT_SIZE, MIN_HZ, MAX_HZ = 16_000, 128, 128, 1024, 60.0, 7600.0
HOP_SAMPLES = 377  # gives 128 columns of 3 s
# cqt halves the rate octave by octave as long as its hop can be halved; this is 6 times.
CQT_HOP_SAMPLES, CQT_MIN_HZ, CQT_BANDS_AN_OCTAVE = 384, 55.0, 18
FILTERBANK = librosa.filters.mel(sr=RATE_HZ, n_fft=FFT_SIZE, n_mels=BANDS, fmin=MIN_HZ, fmax=MAX_HZ)


def cqt(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    padded = librosa.util.fix_length(window, size=(COLUMNS - 1) * CQT_HOP_SAMPLES)
    spectrum = librosa.cqt(
        padded,
        sr=RATE_HZ,
        hop_length=CQT_HOP_SAMPLES,
        fmin=CQT_MIN_HZ,
        n_bins=BANDS,
        bins_per_octave=CQT_BANDS_AN_OCTAVE,
    )
    return one_thread.to_levels(librosa.amplitude_to_db(np.abs(spectrum), ref=np.max))


def mel(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    power = librosa.feature.melspectrogram(
        y=window,
        sr=RATE_HZ,
        n_fft=FFT_SIZE,
        hop_length=HOP_SAMPLES,
        n_mels=BANDS,
        fmin=MIN_HZ,
        fmax=MAX_HZ,
    )
    return one_thread.to_levels(librosa.power_to_db(power, ref=np.max))


def mel_kept(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    spectrum = librosa.stft(window, n_fft=FFT_SIZE, hop_length=HOP_SAMPLES)
    return one_thread.to_levels(librosa.power_to_db(FILTERBANK @ np.abs(spectrum) ** 2, ref=np.max))


serve(
    {
        "cqt": one_thread.of_windows(cqt),
        "mel": one_thread.of_windows(mel),
        "mel_kept": one_thread.of_windows(mel_kept),
    }
)
