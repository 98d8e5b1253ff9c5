"""Kernels of librosa: constant-Q transform; mel spectrogram without and with a kept filterbank."""

from __future__ import annotations

import kernels_common  # before NumPy
from protocol import serve  # isort: split

import librosa
import numpy as np
from numpy.typing import NDArray

FILTERBANK = librosa.filters.mel(
    **{name: value for name, value in kernels_common.MEL.items() if name != "hop_length"}
)


def cqt(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    padded = librosa.util.fix_length(window, size=kernels_common.CQT_SAMPLES)
    spectrum = librosa.cqt(padded, **kernels_common.CQT)
    return kernels_common.to_levels(librosa.amplitude_to_db(np.abs(spectrum), ref=np.max))


def mel(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    power = librosa.feature.melspectrogram(y=window, **kernels_common.MEL)
    return kernels_common.to_levels(librosa.power_to_db(power, ref=np.max))


def mel_kept(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    spectrum = librosa.stft(
        window, n_fft=kernels_common.FFT_SIZE, hop_length=kernels_common.HOP_SAMPLES
    )
    return kernels_common.to_levels(
        librosa.power_to_db(FILTERBANK @ np.abs(spectrum) ** 2, ref=np.max)
    )


serve(
    {
        "cqt": kernels_common.of_windows(cqt),
        "mel": kernels_common.of_windows(mel),
        "mel_kept": kernels_common.of_windows(mel_kept),
    }
)
