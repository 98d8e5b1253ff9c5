"""Settings of the feature extraction: one frozen, validated dataclass."""

from __future__ import annotations

import argparse
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfdata.fields import MAX_INT64
from tfdata.schema import DEFAULT_ENCODERS
from tfdata.text import counted, listed, nearest, quoted

# Raise it only when the same media and settings give other bytes in records, and with it the
# fixtures of tests/test_compatibility.py. Rebuilds then write all shards again.
PREPROCESSING_REVISION = 2


MAX_RATE_HZ = 192_000
DETECTORS = ("none", "blazeface")
# Settings that only matter with a face detector.
DETECTOR_SETTINGS = ("face_detector", "several_faces", "aligned_points")
VOICE_DETECTORS = ("none", "silero")
# Settings that only matter with voice activity detection.
VOICE_ACTIVITY_SETTINGS = ("voice_activity", "min_speech")
ENCODER_SETTINGS = ("face_encoder", "voice_encoder")
FRAMES_PER_SECOND = 1.0  # of videos, unless a setting says otherwise
# The mean places in VoxCeleb's crops, so that aligned and centred crops have faces of equal size.
# The right eye of a person is on the left side of a picture.
ALIGNED_POINTS = (0.355, 0.42, 0.645, 0.42, 0.5, 0.74)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"is {text!r}; give six numbers with commas between"
        ) from None


def _int_or_text(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _float_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


# A text that is no number reaches the check of its setting, whose message has the allowed range.
_LENIENT: dict[Callable[[str], Any], Callable[[str], Any]] = {
    int: _int_or_text,
    float: _float_or_text,
}


def setting(
    default: Any, text: str, parse: Callable[[str], Any] | None = None, shown: str | None = None
) -> Any:
    """Returns a dataclass field that holds its command-line help and parser as metadata.

    Args:
      default: default value.
      text: help text.
      parse: parser of the flag's text; None is the type of the default.
      shown: default value in the help text; None is `default`.
    """
    parse = parse or type(default)
    metadata = {"help": text, "parse": _LENIENT.get(parse, parse), "shown": shown}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class FeatureSettings:
    """Settings of face images and spectrograms.

    docs/explanation/preprocessing.md explains the defaults.

    Raises:
      ValueError: a value is out of range; the message names its field in backticks.
    """

    image_size: int = setting(128, "height and width of a face image, in pixels")
    face_crop: float = setting(
        0.8,
        "side of the crop, 0.05 to 1: without a face detector, as a fraction of the image's "
        "shorter side; with one, as a fraction of the square in which --aligned_points are given",
    )
    sample_rate_hz: int = setting(16000, "sample rate to resample audio to, in Hz")
    window_seconds: float = setting(3.0, "length of one window of audio, in seconds")
    trim_silence_db: float | None = setting(
        None,
        "trim leading and trailing audio that is this many dB below the peak of the clip "
        "(default: no trimming)",
        float,
    )
    bands: int = setting(128, "number of frequency bands, the rows of a spectrogram")
    frames: int = setting(128, "number of frames, the columns of a spectrogram")
    frequency_scale: str = setting("log", "frequency axis: 'log' (constant-Q) or 'mel'")
    fft_size: int = setting(1024, "length of the FFT, in samples")
    min_hz: float = setting(60.0, "centre (log) or lower edge (mel) of the lowest band, in Hz")
    max_hz: float = setting(7600.0, "centre (log) or upper edge (mel) of the highest band, in Hz")
    floor_db: float = setting(
        -80.0, "level that is stored as 0, in dB relative to the maximum of the window"
    )
    face_detector: str = setting(
        "none",
        "'blazeface' detects the face and aligns it by eyes and mouth, 'none' crops the centre",
        shown="none for the sample corpus and VoxCeleb's crops, otherwise blazeface",
    )
    several_faces: str = setting(
        "largest", "image of several faces: use the 'largest' face, or 'reject' the image"
    )
    aligned_points: tuple[float, ...] = setting(
        ALIGNED_POINTS,
        "where the crop has right eye, left eye and mouth: x and y of each, as fractions of a crop "
        "of --face_crop 1",
        _numbers,
    )
    frames_per_second: float | None = setting(
        None,
        "frames of a video that are searched for a face, per second of a window, 0.01 to 60; at "
        "least one in each window (default: 1 with --videos)",
        float,
    )
    voice_activity: str = setting(
        "none", "'silero' moves windows to speech, 'none' cuts them one after the other"
    )
    min_speech: float = setting(
        0.5, "with --voice_activity, minimum share of speech in a window, 0.01 to 1"
    )
    face_encoder: str = setting(
        "none",
        f"also store an embedding of the face: '{DEFAULT_ENCODERS['image']}', or your own encoder "
        "as package.module:name",
    )
    voice_encoder: str = setting(
        "none",
        f"also store an embedding of the window of audio: '{DEFAULT_ENCODERS['audio']}', or your "
        "own encoder as package.module:name",
    )

    @property
    def window_samples(self) -> int:
        """Returns the length of one window, in samples at `sample_rate_hz`."""
        return round(self.window_seconds * self.sample_rate_hz)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (self.image_size, self.image_size, 3)

    @property
    def spectrogram_shape(self) -> tuple[int, int]:
        return (self.bands, self.frames)

    def recorded(self) -> dict[str, Any]:
        """Returns the settings that a dataset records.

        Without a face detector, those of DETECTOR_SETTINGS are left out, without voice activity
        detection those of VOICE_ACTIVITY_SETTINGS, without videos `frames_per_second`, and encoders
        that are 'none': datasets that were built before they existed have the same records.
        """
        left_out = set(DETECTOR_SETTINGS if self.face_detector == "none" else ())
        left_out |= set(VOICE_ACTIVITY_SETTINGS if self.voice_activity == "none" else ())
        left_out |= {name for name in ENCODER_SETTINGS if getattr(self, name) == "none"}
        if self.frames_per_second is None:
            left_out.add("frames_per_second")
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    def __post_init__(self) -> None:
        if isinstance(self.aligned_points, list):  # of JSON
            object.__setattr__(self, "aligned_points", tuple(self.aligned_points))
        check_whole("image_size", self.image_size, 8, 4096)
        check_number("face_crop", self.face_crop, 0.05, 1.0)
        check_whole("sample_rate_hz", self.sample_rate_hz, 4000, MAX_RATE_HZ)
        check_number("window_seconds", self.window_seconds, 0.25, 600.0)
        if self.trim_silence_db is not None:
            check_number("trim_silence_db", self.trim_silence_db, 1.0, 120.0)
        check_whole("frames", self.frames, 2, 8192)
        check_whole("fft_size", self.fft_size, 64, 16384)
        check_number("floor_db", self.floor_db, -160.0, -10.0)
        check_choice("face_detector", self.face_detector, DETECTORS)
        check_choice("voice_activity", self.voice_activity, VOICE_DETECTORS)
        check_number("min_speech", self.min_speech, 0.01, 1.0)
        check_choice("several_faces", self.several_faces, ("largest", "reject"))
        places = self.aligned_points
        if not isinstance(places, tuple) or len(places) != 6 or len(set(places)) == 1:
            raise ValueError(
                "`aligned_points` needs six numbers, which are the places of three points."
            )
        for place in places:
            check_number("aligned_points", place, 0.0, 1.0)
        if self.frames_per_second is not None:
            check_number("frames_per_second", self.frames_per_second, 0.01, 60.0)
        check_choice("frequency_scale", self.frequency_scale, ("log", "mel"))
        nyquist_hz = self.sample_rate_hz / 2
        lowest_hz = 0.0 if self.frequency_scale == "mel" else 1.0
        check_number("min_hz", self.min_hz, lowest_hz, nyquist_hz)
        check_number("max_hz", self.max_hz, 0.0, MAX_RATE_HZ / 2)
        if not self.min_hz < self.max_hz <= nyquist_hz:
            raise ValueError(
                f"`max_hz` is {self.max_hz:g}; it must lie above `min_hz` ({self.min_hz:g}) and "
                f"not above half of `sample_rate_hz` ({nyquist_hz:g})."
            )
        # More bands than the spectrum has bins would be copies of others.
        check_whole("bands", self.bands, 2, min(1024, self.fft_size // 2 + 1))
        if self.frequency_scale == "mel" and (empty := _empty_mel_bands(self)):
            raise ValueError(
                f"`bands` {self.bands} on the mel scale leaves {counted(empty, 'band')} without a "
                f"single bin of `fft_size` {self.fft_size}; use fewer bands or a larger FFT."
            )


def _empty_mel_bands(settings: FeatureSettings) -> int:
    """Returns how many triangles of `librosa.filters.mel` contain no bin of the FFT."""
    edges_mel = np.linspace(
        _hz_to_mel(settings.min_hz), _hz_to_mel(settings.max_hz), settings.bands + 2
    )
    edges = _mel_to_hz(edges_mel)
    bins = np.arange(settings.fft_size // 2 + 1) * settings.sample_rate_hz / settings.fft_size
    inside = np.searchsorted(bins, edges[2:], "left") - np.searchsorted(bins, edges[:-2], "right")
    return int((inside <= 0).sum())


# Slaney's mel scale: linear below 1 kHz, logarithmic above.
_HZ_PER_MEL, _LOG_START_HZ, _LOG_STEP = 200 / 3, 1000.0, math.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _HZ_PER_MEL
    return _LOG_START_HZ / _HZ_PER_MEL + math.log(hz / _LOG_START_HZ) / _LOG_STEP


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    start = _LOG_START_HZ / _HZ_PER_MEL
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - start))
    return np.where(mel < start, mel * _HZ_PER_MEL, logarithmic)


def check_number(name: str, value: float, low: float, high: float) -> None:
    """Checks the type and the range of a setting; the message names it in backticks.

    Raises:
      ValueError: it is not a number from `low` to `high`.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ValueError(f"`{name}` is {quoted(value)}; use a number from {low:g} to {high:g}.")
    if not low <= value <= high:  # also for NaN
        shown = quoted(value) if isinstance(value, int) else f"{value:g}"
        raise ValueError(f"`{name}` is {shown}; use a value from {low:g} to {high:g}.")


def check_whole(name: str, value: int, low: int, high: int = MAX_INT64) -> None:
    """Checks a setting as `check_number` does; it is a whole number."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_whole and low <= value <= high:
        return
    wanted = f" from {low} to {high}"
    if high == MAX_INT64 and not is_whole:
        wanted = "" if low == -MAX_INT64 else f" of {low} or more"
    elif high == MAX_INT64 and low > -MAX_INT64 and value < low:
        wanted = f" of {low} or more"
    raise ValueError(f"`{name}` is {quoted(value)}; use a whole number{wanted}.")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Checks that a setting is one of some texts; the message names it in backticks.

    Raises:
      ValueError: it is another value.
    """
    if value not in choices:
        allowed = listed(list(map(repr, choices)), "or")
        near = nearest(str(value), choices)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"`{name}` is {quoted(value)}; use {allowed}.{hint}")
