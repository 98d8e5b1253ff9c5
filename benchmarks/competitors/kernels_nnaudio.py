"""Kernels of nnAudio: mel spectrogram, and the constant-Q transform that it calls fastest."""

from __future__ import annotations

import kernels_common  # before NumPy
from protocol import serve  # isort: split

import numpy as np
import torch
from nnAudio.features import CQT2010v2, MelSpectrogram
from numpy.typing import NDArray

torch.set_num_threads(1)
MEL = MelSpectrogram(**kernels_common.MEL, verbose=False)
CQT = CQT2010v2(**kernels_common.CQT, verbose=False)


@torch.inference_mode()
def mel(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    return levels(MEL(torch.from_numpy(window))[0])


@torch.inference_mode()
def cqt(window: NDArray[np.float32]) -> NDArray[np.uint8]:
    samples = torch.from_numpy(window)
    padded = torch.nn.functional.pad(samples, (0, kernels_common.CQT_SAMPLES - len(samples)))
    return levels(CQT(padded)[0] ** 2)


def levels(power: torch.Tensor) -> NDArray[np.uint8]:
    relative = (power / power.max()).clamp_(min=10 ** (kernels_common.FLOOR_DB / 10))
    decibels = 10 * torch.log10(relative)
    return (255 * (1 - decibels / kernels_common.FLOOR_DB)).round_().to(torch.uint8).numpy()


serve({"mel": kernels_common.of_windows(mel), "cqt": kernels_common.of_windows(cqt)})
