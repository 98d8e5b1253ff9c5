"""One audio file to one window of mono samples."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from features.media import MediaError, Reason
from features.settings import FeatureSettings

# What is shorter says nothing about a voice, and repeating it would only draw a hum.
MIN_SECONDS = 0.25
MIN_RATE_HZ, MAX_RATE_HZ = 4000, 384_000
# About one step of 16-bit audio: what stays below it after its mean is removed was never recorded.
SILENCE_PEAK = 2.0**-15
# Silence is trimmed on whole clips; this bounds the memory that one can take (10 minutes).
MAX_TRIMMED_SECONDS = 600.0
# Context on both sides of a window, longer than the resampler's filter.
RESAMPLING_MARGIN_SECONDS = 0.05
# After a seek, an MPEG decoder lacks the frames that the next ones build on, until it has settled.
MPEG_SETTLING_SECONDS = 1.0
SKIP_SAMPLES = 1 << 16  # a read, where a seek will not do

Source = str | os.PathLike[str] | BinaryIO


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What an audio file's header says."""

    sample_rate_hz: int
    samples: int  # a channel, at the native rate

    def samples_at(self, sample_rate_hz: int) -> int:
        """Length after resampling, rounded down to whole samples."""
        return self.samples * sample_rate_hz // self.sample_rate_hz


def probe_audio(source: Source) -> AudioFacts:
    """Reads the header alone.

    Raises:
      MediaError: unreadable, sample_rate or too_short.
    """
    with _open(source) as clip:
        return AudioFacts(clip.samplerate, clip.frames)


def read_window(
    source: Source, start_samples: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Reads one window: native rate, only the samples needed, mono, resampled, equal length.

    Channels are averaged. Where the clip ends before the window does, the part that is there is
    repeated from its beginning until the window is full (silence would tell the models how long
    the clip was). With `trim_silence_db`, positions count from the end of the leading silence.

    Args:
      source: path or open file of anything that libsndfile reads.
      start_samples: first sample, counted at `settings.sample_rate_hz`.
      settings: gives rate, length and trimming.

    Returns:
      float32 [window_samples].

    Raises:
      MediaError: unreadable, sample_rate, too_short, not_finite or silent.
    """
    with _open(source) as clip:
        if settings.trim_silence_db is None:
            samples = _read_span(clip, start_samples, settings)
        else:
            samples = _read_trimmed(clip, settings.trim_silence_db, settings.sample_rate_hz)
            samples = samples[start_samples : start_samples + settings.window_samples]
    if len(samples) < int(MIN_SECONDS * settings.sample_rate_hz):
        raise MediaError(
            Reason.TOO_SHORT,
            f"{len(samples) / settings.sample_rate_hz:.3f} s of audio at sample {start_samples}",
        )
    if not np.isfinite(samples).all():
        raise MediaError(Reason.NOT_FINITE, "NaN or infinite samples")
    if np.abs(samples - samples.mean(dtype=np.float64)).max() <= SILENCE_PEAK:
        raise MediaError(Reason.SILENT, "no sound above one 16-bit step")
    return np.resize(samples, settings.window_samples)  # np.resize repeats from the beginning


@contextmanager
def _open(source: Source) -> Iterator[soundfile.SoundFile]:
    """Opens a clip, and says what goes wrong while it is open as a MediaError."""
    try:
        with _sound_file(source) as clip:
            if clip.format == "RAW":  # libsndfile goes by the name: .au, .snd, .gsm, .vox
                raise MediaError(Reason.UNREADABLE, "no header")
            if not MIN_RATE_HZ <= clip.samplerate <= MAX_RATE_HZ:
                raise MediaError(Reason.SAMPLE_RATE, f"{clip.samplerate} Hz")
            if clip.frames <= 0:
                raise MediaError(Reason.TOO_SHORT, "no samples")
            yield clip
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        detail = getattr(error, "error_string", None) or str(error)
        raise MediaError(Reason.UNREADABLE, detail.strip().rstrip(".")) from error


def _sound_file(source: Source) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(source)
    except TypeError as error:  # soundfile asks for the sample rate of a file named .raw
        raise MediaError(Reason.UNREADABLE, str(error)) from error


def _read_span(
    clip: soundfile.SoundFile, start: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Reads up to one window from `start` (in samples of the target rate)."""
    native_hz, target_hz, length = (
        clip.samplerate,
        settings.sample_rate_hz,
        settings.window_samples,
    )
    if native_hz == target_hz:
        return _read_mono(clip, start, length)
    # Both rates share the instants that are whole multiples of 1 / gcd seconds. Reading from such
    # an instant keeps the resampled grid aligned to the sample, wherever the window lies.
    common = math.gcd(native_hz, target_hz)
    margin = math.ceil(RESAMPLING_MARGIN_SECONDS * target_hz)
    instant = max(0, (start - margin) // (target_hz // common))
    first = instant * (native_hz // common)
    last = math.ceil((start + length + margin) * native_hz / target_hz)
    samples = soxr.resample(_read_mono(clip, first, last - first), native_hz, target_hz)
    skip = start - instant * (target_hz // common)
    return samples[skip : skip + length]


def _read_trimmed(
    clip: soundfile.SoundFile, trim_silence_db: float, target_hz: int
) -> NDArray[np.float32]:
    """Reads a whole clip without its leading and trailing silence."""
    import librosa  # costs a worker 200 MB, so only a build that trims pays for it

    length = min(clip.frames, round(MAX_TRIMMED_SECONDS * clip.samplerate))
    samples = _read_mono(clip, 0, length)
    if not np.isfinite(samples).all():
        raise MediaError(Reason.NOT_FINITE, "NaN or infinite samples")
    if clip.samplerate != target_hz:
        samples = soxr.resample(samples, clip.samplerate, target_hz)
    trimmed, _ = librosa.effects.trim(samples, top_db=trim_silence_db)
    return trimmed


def _read_mono(clip: soundfile.SoundFile, first: int, length: int) -> NDArray[np.float32]:
    """Reads `length` samples from `first`, or as many as are there, channels averaged."""
    if first >= clip.frames:
        return np.zeros(0, np.float32)
    settling = 0
    # Vorbis may continue a block off after a seek: https://github.com/libsndfile/libsndfile/issues/885
    if clip.format == "OGG" or not clip.seekable():
        _skip(clip, first)
    else:
        if clip.subtype.startswith("MPEG"):
            settling = min(first, round(MPEG_SETTLING_SECONDS * clip.samplerate))
        clip.seek(first - settling)
    channels = clip.read(settling + length, dtype="float32", always_2d=True)[settling:]
    return channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1)


def _skip(clip: soundfile.SoundFile, samples: int) -> None:
    """Decodes and forgets, a bounded piece at a time."""
    while samples > 0:
        read = len(clip.read(min(samples, SKIP_SAMPLES), dtype="float32"))
        if read == 0:  # the header claims more than there is
            return
        samples -= read
