"""Ticks of the axes of a spectrogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tick:
    """A tick: its position as a fraction of the axis, and its label."""

    position: float
    label: str


def frequency_axis(band_hz: NDArray[np.float64]) -> list[Tick]:
    """Returns the ticks of the frequency axis, in Hz; a band's frequency is at its middle."""
    bands = np.arange(len(band_hz)) + 0.5
    return [
        Tick(float(np.interp(hz, band_hz, bands)) / len(band_hz), f"{hz:g}")
        for hz in frequency_ticks(band_hz)
    ]


def time_axis(window_seconds: float, frames: int) -> list[Tick]:
    """Returns the ticks of the time axis, in seconds.

    The first column is centred on the start of the window, the last one on its end.
    """
    ticks = [
        Tick((seconds / window_seconds * (frames - 1) + 0.5) / frames, f"{seconds:g}")
        for seconds in time_ticks(window_seconds)
    ]
    return [*ticks[:-1], Tick(ticks[-1].position, f"{ticks[-1].label} s")]


def frequency_ticks(band_hz: NDArray[np.float64], min_distance: float = 0.1) -> list[float]:
    """Chooses round frequencies, in ascending order.

    Powers of ten are chosen first, then fives, twos and others, as far as there is room. A range
    with fewer than two of them has ticks at its ends.

    Args:
      band_hz: frequency of each band, Hz, ascending.
      min_distance: of two ticks, as a fraction of the axis.
    """
    bands = len(band_hz)
    ticks: list[float] = []
    positions: list[float] = []
    for digit in (1, 5, 2, 3, 7):
        for power in range(6):
            hz = float(digit * 10**power)
            position = float(np.interp(hz, band_hz, np.arange(bands))) / bands
            has_room = all(abs(position - other) >= min_distance for other in positions)
            if band_hz[0] <= hz <= band_hz[-1] and has_room:
                ticks.append(hz)
                positions.append(position)
    return sorted(ticks) if len(ticks) > 1 else [round(float(band_hz[i])) for i in (0, -1)]


def time_ticks(window_seconds: float) -> list[float]:
    """Chooses up to six round times from 0 to the end of the window."""
    tenth = 10.0 ** math.floor(math.log10(window_seconds) - 1)
    step = next(s * tenth for s in (1, 2, 5, 10, 20, 50) if window_seconds / (s * tenth) < 5.001)
    return [round(i * step, 6) for i in range(math.floor(window_seconds / step + 1e-6) + 1)]
