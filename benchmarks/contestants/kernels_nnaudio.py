"""nnAudio, on PyTorch: the constant-Q transform that its documentation calls fastest, and mel."""

from __future__ import annotations

import one_thread  # before NumPy
from contest import serve  # isort: split

import numpy as np
import torch
from nnAudio.features import CQT2010v2, MelSpectrogram
from numpy.typing import NDArray

torch.set_num_threads(1)
RATE_HZ, BANDS, COLUMNS, FFT_SIZE, MIN_HZ, MAX_HZ = 16_000, 128, 128, 1024, 60.0, 7600.0
HOP_SAMPLES, FLOOR_DB = 377, -80.0
CQT_HOP_SAMPLES, CQT_MIN_HZ, CQT_BANDS_AN_OCTAVE = 384, 55.0, 18
MEL = MelSpectrogram(
    sr=RATE_HZ,
    n_fft=FFT_SIZE,
    n_mels=BANDS,
    hop_length=HOP_SAMPLES,
    fmin=MIN_HZ,
    fmax=MAX_HZ,
    verbose=False,
)
CQT = CQT2010v2(
    sr=RATE_HZ,
    hop_length=CQT_HOP_SAMPLES,
    fmin=CQT_MIN_HZ,
    n_bins=BANDS,
    bins_per_octave=CQT_BANDS_AN_OCTAVE,
    verbose=False,
)


@torch.inference_mode()
def mel(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    return levels(MEL(torch.from_numpy(window))[0])


@torch.inference_mode()
def cqt(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    samples = torch.from_numpy(window)
    padded = torch.nn.functional.pad(samples, (0, (COLUMNS - 1) * CQT_HOP_SAMPLES - len(samples)))
    return levels(CQT(padded)[0] ** 2)


def levels(power: torch.Tensor) -> NDArray[np.uint8]:
    relative = (power / power.max()).clamp_(min=10 ** (FLOOR_DB / 10))
    decibels = 10 * torch.log10(relative)
    return (255 * (1 - decibels / FLOOR_DB)).round_().to(torch.uint8).numpy()


serve({"mel": one_thread.of_windows(mel), "cqt": one_thread.of_windows(cqt)})
