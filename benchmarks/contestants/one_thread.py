"""What all contestants of the kernels share: one thread each, and how the time is taken.

Import it before NumPy or anything that is built on it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for _library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
os.environ["VIPS_CONCURRENCY"] = "1"

import numpy as np  # noqa: E402
from contest import Work, unordered_digest  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

Kernel = Callable[[Any], NDArray[np.uint8]]

WARMUPS = 5  # filterbanks are made, graphs traced

# What all but FaceVoice make of 3 s at 16 kHz: 128 bands in 128 columns.
RATE_HZ, BANDS, COLUMNS, FFT_SIZE, MIN_HZ, MAX_HZ = 16_000, 128, 128, 1024, 60.0, 7600.0
HOP_SAMPLES, FLOOR_DB = 377, -80.0
# librosa and nnAudio call it alike.
MEL: dict[str, Any] = {
    "sr": RATE_HZ,
    "n_fft": FFT_SIZE,
    "hop_length": HOP_SAMPLES,
    "n_mels": BANDS,
    "fmin": MIN_HZ,
    "fmax": MAX_HZ,
}
# Each octave halves the rate as long as the hop can be halved: here, 6 times.
CQT_HOP_SAMPLES = 384
CQT: dict[str, Any] = {
    "sr": RATE_HZ,
    "hop_length": CQT_HOP_SAMPLES,
    "fmin": 55.0,
    "n_bins": BANDS,
    "bins_per_octave": 18,
}
CQT_SAMPLES = (COLUMNS - 1) * CQT_HOP_SAMPLES


def of_windows(kernel: Kernel) -> Work:
    """A work whose question names a file of windows, and how many of them to take."""
    return lambda windows, count: _measured(kernel, list(np.load(windows)[:count]))


def of_images(kernel: Kernel) -> Work:
    """A work whose question names a folder of JPEGs, and how many of them to take."""
    return lambda folder, count: _measured(
        kernel, [str(path) for path in sorted(Path(folder).rglob("*.jpg"))[:count]]
    )


def square_box(width: int, height: int, kept: float = 0.8) -> tuple[float, float, float, float]:
    """The centred square that faces are cut to: left, top, right, bottom."""
    side = min(width, height) * kept
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def to_levels(decibels: NDArray[np.float32], floor_db: float = FLOOR_DB) -> NDArray[np.uint8]:
    """Decibels below the maximum as uint8, 255 at the maximum."""
    return np.rint(255 * (1 - np.maximum(decibels, floor_db) / floor_db)).astype(np.uint8)


def _measured(kernel: Kernel, media: Sequence[Any]) -> dict[str, Any]:
    for medium in media[:WARMUPS]:
        kernel(medium)
    started = time.process_time()  # of all threads, and not of others' work
    made = [kernel(medium) for medium in media]
    seconds = time.process_time() - started
    shapes = {(array.shape, str(array.dtype)) for array in made}
    return {
        "ms": 1000 * seconds / len(media),
        "output": str(sorted(shapes)),
        "digest": unordered_digest(array.tobytes() for array in made),
    }
