"""librosa: the constant-Q transform, the mel spectrogram, and that with its filterbank kept."""

from __future__ import annotations

import one_thread  # before NumPy
from contest import serve  # isort: split

import librosa
import numpy as np
from numpy.typing import NDArray

FILTERBANK = librosa.filters.mel(
    **{name: value for name, value in one_thread.MEL.items() if name != "hop_length"}
)


def cqt(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    padded = librosa.util.fix_length(window, size=one_thread.CQT_SAMPLES)
    spectrum = librosa.cqt(padded, **one_thread.CQT)
    return one_thread.to_levels(librosa.amplitude_to_db(np.abs(spectrum), ref=np.max))


def mel(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    power = librosa.feature.melspectrogram(y=window, **one_thread.MEL)
    return one_thread.to_levels(librosa.power_to_db(power, ref=np.max))


def mel_kept(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    spectrum = librosa.stft(window, n_fft=one_thread.FFT_SIZE, hop_length=one_thread.HOP_SAMPLES)
    return one_thread.to_levels(librosa.power_to_db(FILTERBANK @ np.abs(spectrum) ** 2, ref=np.max))


serve(
    {
        "cqt": one_thread.of_windows(cqt),
        "mel": one_thread.of_windows(mel),
        "mel_kept": one_thread.of_windows(mel_kept),
    }
)
