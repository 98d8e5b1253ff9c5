"""The settings that turn a medium into an array: one frozen, validated dataclass."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def setting(default: Any, text: str, parse: Callable[[str], Any] | None = None) -> Any:
    """A dataclass field that also knows its command-line help and parser."""
    return field(default=default, metadata={"help": text, "parse": parse or type(default)})


@dataclass(frozen=True)
class FeatureSettings:
    """How faces and voices become uint8 arrays.

    The defaults are argued in docs/features.md. Raises ValueError, one sentence that names the
    setting as it is spelt on the command line, when a value makes no sense.
    """

    image_size: int = setting(128, "height and width of a face, pixels")
    face_crop: float = setting(
        0.8, "centred square that is kept, as a fraction of the image's shorter side (0 to 1]"
    )
    sample_rate_hz: int = setting(16000, "rate that audio is brought to")
    window_seconds: float = setting(3.0, "length of one piece of audio")
    trim_silence_db: float | None = setting(
        None,
        "cut leading and trailing audio that is this many dB below the clip's peak "
        "(default: no cut)",
        float,
    )
    bands: int = setting(128, "rows of a spectrogram")
    frames: int = setting(128, "columns of a spectrogram")
    frequency_scale: str = setting("log", "'log': equal steps in octaves; 'mel': the study's axis")
    fft_size: int = setting(1024, "samples that one column looks at")
    min_hz: float = setting(60.0, "centre of the lowest band (log); lower edge (mel)")
    max_hz: float = setting(7600.0, "centre of the highest band (log); upper edge (mel)")
    floor_db: float = setting(-80.0, "level of the value 0, dB below the window's maximum")

    @property
    def window_samples(self) -> int:
        """Length of one piece of audio at `sample_rate_hz`."""
        return round(self.window_seconds * self.sample_rate_hz)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (self.image_size, self.image_size, 3)

    @property
    def spectrogram_shape(self) -> tuple[int, int]:
        return (self.bands, self.frames)

    def __post_init__(self) -> None:
        _whole("image_size", self.image_size, 8, 4096)
        _within("face_crop", self.face_crop, 0.05, 1.0)
        _whole("sample_rate_hz", self.sample_rate_hz, 4000, 192000)
        _within("window_seconds", self.window_seconds, 0.25, 600.0)
        if self.trim_silence_db is not None:
            _within("trim_silence_db", self.trim_silence_db, 1.0, 120.0)
        _whole("frames", self.frames, 2, 8192)
        _whole("fft_size", self.fft_size, 64, 16384)
        _within("floor_db", self.floor_db, -160.0, -10.0)
        if self.frequency_scale not in ("log", "mel"):
            raise ValueError(f"--frequency_scale is {self.frequency_scale!r}; use 'log' or 'mel'.")
        nyquist_hz = self.sample_rate_hz / 2
        lowest_hz = 0.0 if self.frequency_scale == "mel" else 1.0
        _within("min_hz", self.min_hz, lowest_hz, nyquist_hz)
        if not self.min_hz < self.max_hz <= nyquist_hz:
            raise ValueError(
                f"--max_hz is {self.max_hz:g}; it must lie above --min_hz ({self.min_hz:g}) and "
                f"not above half of --sample_rate_hz ({nyquist_hz:g})."
            )
        # More rows than the spectrum has bins would only repeat what the others show.
        _whole("bands", self.bands, 2, min(1024, self.fft_size // 2 + 1))


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"--{name} is {value:g}; use a value from {low:g} to {high:g}.")


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not (isinstance(value, numbers.Integral) and low <= value <= high):
        raise ValueError(f"--{name} is {value}; use a whole number from {low} to {high}.")
