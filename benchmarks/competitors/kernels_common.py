"""Common code of the competitors of the group `kernels`: one thread, tasks and timing.

It sets the number of threads, so it must be imported before NumPy and libraries that use NumPy.
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
from numpy.typing import NDArray  # noqa: E402
from protocol import Task, unordered_digest  # noqa: E402

Kernel = Callable[[Any], NDArray[np.uint8]]

WARMUPS = 5  # calls before the measurement, which build filterbanks and trace graphs

# Spectrograms of all competitors but FaceVoice: 128 bands and 128 frames of 3 s at 16 kHz.
RATE_HZ, BANDS, COLUMNS, FFT_SIZE, MIN_HZ, MAX_HZ = 16_000, 128, 128, 1024, 60.0, 7600.0
HOP_SAMPLES, FLOOR_DB = 377, -80.0
# Arguments of librosa and nnAudio.
MEL: dict[str, Any] = {
    "sr": RATE_HZ,
    "n_fft": FFT_SIZE,
    "hop_length": HOP_SAMPLES,
    "n_mels": BANDS,
    "fmin": MIN_HZ,
    "fmax": MAX_HZ,
}
# The transforms halve the sample rate for each octave while the hop is even: here for 6 octaves.
CQT_HOP_SAMPLES = 384
CQT: dict[str, Any] = {
    "sr": RATE_HZ,
    "hop_length": CQT_HOP_SAMPLES,
    "fmin": 55.0,
    "n_bins": BANDS,
    "bins_per_octave": 18,
}
CQT_SAMPLES = (COLUMNS - 1) * CQT_HOP_SAMPLES


def of_windows(kernel: Kernel) -> Task:
    """Returns a task whose request has a file of windows and the number of windows to use."""
    return lambda windows, count: _measured(kernel, list(np.load(windows)[:count]))


def of_images(kernel: Kernel) -> Task:
    """Returns a task whose request has a directory of JPEGs and the number of images to use."""
    return lambda folder, count: _measured(
        kernel, [str(path) for path in sorted(Path(folder).rglob("*.jpg"))[:count]]
    )


def square_box(width: int, height: int, kept: float = 0.8) -> tuple[float, float, float, float]:
    """Returns the centred crop of a face: left, top, right, bottom."""
    side = min(width, height) * kept
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def to_levels(decibels: NDArray[np.float32], floor_db: float = FLOOR_DB) -> NDArray[np.uint8]:
    """Converts decibels relative to the maximum to uint8; the maximum is 255."""
    return np.rint(255 * (1 - np.maximum(decibels, floor_db) / floor_db)).astype(np.uint8)


def _measured(kernel: Kernel, media: Sequence[Any]) -> dict[str, Any]:
    for medium in media[:WARMUPS]:
        kernel(medium)
    started = time.process_time()  # CPU time of all threads
    arrays = [kernel(medium) for medium in media]
    seconds = time.process_time() - started
    shapes = {(array.shape, str(array.dtype)) for array in arrays}
    return {
        "ms": 1000 * seconds / len(media),
        "output": str(sorted(shapes)),
        "digest": unordered_digest(array.tobytes() for array in arrays),
    }
