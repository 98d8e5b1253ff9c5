"""Builds like the 2021 study: a loop with librosa and Pillow, into arrays in memory.

The arrays have the same shapes as FaceVoice's but other values: mel spectrograms at 22,050 Hz, and
faces without a crop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import librosa
import numpy as np
from build_common import pairs_of, tasks
from numpy.typing import NDArray
from PIL import Image
from protocol import serve

SIZE_PX, BANDS, FFT_SIZE, HOP_SAMPLES, WINDOW_SAMPLES = 128, 128, 2048, 512, 65_024


def build(faces: Path, audio: Path, pairs: int, output: Path) -> dict[str, Any]:
    images, spectrograms = [], []
    for _, image, clip in pairs_of(faces, audio):
        images.append(np.asarray(Image.open(image).convert("RGB").resize((SIZE_PX, SIZE_PX))))
        spectrograms.append(spectrogram(clip))
    shapes = np.stack(images).shape, np.stack(spectrograms).shape
    if shapes != ((pairs, SIZE_PX, SIZE_PX, 3), (pairs, BANDS, SIZE_PX)):
        raise ValueError(f"wrong shapes: {shapes[0]} and {shapes[1]}")
    return {}


def spectrogram(clip: str) -> NDArray[np.uint8]:
    samples, rate_hz = librosa.load(clip)  # at its default rate of 22,050 Hz
    window = librosa.util.fix_length(samples, size=WINDOW_SAMPLES)
    mel = librosa.feature.melspectrogram(
        y=window, sr=rate_hz, n_fft=FFT_SIZE, hop_length=HOP_SAMPLES, n_mels=BANDS
    )
    levels = np.log(mel + 1e-9)
    scaled = (levels - levels.min()) / (levels.max() - levels.min()) * 255
    return np.uint8(255) - np.flip(scaled, axis=0).astype(np.uint8)


serve(tasks(build, None))
