"""One audio file to one window of mono samples."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from facevoice.features.m4a import M4aClip, is_m4a
from facevoice.features.reject_reasons import MediaError, Reason, check_regular
from facevoice.features.settings import FeatureSettings

# What is shorter says nothing about a voice, and repeating it would only draw a hum.
MIN_SECONDS = 0.25
MIN_RATE_HZ, MAX_RATE_HZ = 4000, 384_000
INT16_STEP = 2.0**-15
# What stays within one step of 16-bit audio of its middle was never recorded.
SILENCE_RANGE = 2 * INT16_STEP
# A header that claims more is not believed: what is there is counted, up to that.
MAX_SECONDS = 4 * 3600
# Silence is trimmed on whole clips; this bounds the memory that one can take (10 minutes, at up
# to 48 kHz).
MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES = 600, 600 * 48_000
# Squares of what is louder overflow.
LOUDEST_SQUARED = 1e18
# Context on both sides of a window, longer than the resampler's filter.
RESAMPLING_MARGIN_SECONDS = 0.05
# After a seek, an MPEG decoder lacks the frames that the next ones build on, until it has settled.
MPEG_SETTLING_SECONDS = 1.0
# The average of channels that cancel each other is what rounding and codecs leave: below this
# share of the loudest one's, were it alone.
CANCELLED = 0.1
BLOCK_VALUES = 1 << 22  # that are read at once: samples times channels

Clip: TypeAlias = "SoundFile | M4aClip"
Source = str | os.PathLike[str] | BinaryIO


class SoundFile(soundfile.SoundFile):
    """One that does not seek, after a read, to where it has come to: FLAC may refuse that."""

    def seekable(self) -> bool:
        return False

    def can_seek(self) -> bool:
        return super().seekable()


@dataclass(frozen=True)
class AudioFacts:
    """What an audio file's header says, where it can be believed."""

    sample_rate_hz: int
    samples: int  # a channel, at the native rate; of MAX_SECONDS at most

    def samples_at(self, sample_rate_hz: int) -> int:
        """Length after resampling, rounded down to whole samples."""
        return self.samples * sample_rate_hz // self.sample_rate_hz


def probe_audio(source: Source) -> AudioFacts:
    """Reads the header alone, unless it claims more than MAX_SECONDS: then the clip is decoded.

    Raises:
      MediaError: unreadable, sample_rate or too_short.
    """
    with _open(source) as clip:
        samples = clip.frames
        if samples > MAX_SECONDS * clip.samplerate:
            samples = _skip(clip, MAX_SECONDS * clip.samplerate)
            if samples == 0:
                raise MediaError(Reason.TOO_SHORT, "no samples")
        return AudioFacts(clip.samplerate, samples)


def read_window(
    source: Source, start_samples: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Reads one window: native rate, only the samples needed, mono, resampled, equal length.

    Channels are averaged; of channels that cancel each other, as when one was wired upside down,
    the loudest is taken. Where the clip ends before the window does, the part that is there is
    repeated from its beginning until the window is full (silence would tell the models how long
    the clip was). With `trim_silence_db`, positions count from the end of the leading silence.

    Args:
      source: path or open file of anything that libsndfile reads, or `facevoice.features.m4a`.
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
    if float(samples.max()) - float(samples.min()) <= SILENCE_RANGE:
        raise MediaError(Reason.SILENT, "no sound above one 16-bit step")
    if len(samples) < settings.window_samples:
        return np.resize(samples, settings.window_samples)  # repeats from the beginning
    return samples


@contextmanager
def _open(source: Source) -> Iterator[Clip]:
    """Opens a clip, and says what goes wrong while it is open as a MediaError."""
    check_regular(source)
    try:
        with _any_clip(source) as clip:
            if clip.format == "RAW":  # libsndfile goes by the name: .au, .snd, .gsm, .vox
                raise MediaError(Reason.UNREADABLE, "no header")
            if not MIN_RATE_HZ <= clip.samplerate <= MAX_RATE_HZ:
                raise MediaError(Reason.SAMPLE_RATE, f"{clip.samplerate} Hz")
            if clip.frames <= 0:
                raise MediaError(Reason.TOO_SHORT, "no samples")
            yield clip
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        detail = getattr(error, "error_string", None) or getattr(error, "strerror", None)
        raise MediaError(Reason.UNREADABLE, (detail or str(error)).strip().rstrip(".")) from error


def _any_clip(source: Source) -> Clip:
    try:
        return SoundFile(source)
    except TypeError as error:  # soundfile asks for the sample rate of a file named .raw
        raise MediaError(Reason.UNREADABLE, str(error)) from error
    except soundfile.LibsndfileError as error:
        if is_m4a(_first_bytes(source)):
            return M4aClip(source)
        if "does not exist" in error.error_string:  # it says so of an MP3 without a single frame
            raise MediaError(Reason.UNREADABLE, "no audio in it") from error
        raise


def _first_bytes(source: Source) -> bytes:
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            return file.read(16)
    source.seek(0)
    start = source.read(16)
    source.seek(0)
    return start


def _read_span(clip: Clip, start: int, settings: FeatureSettings) -> NDArray[np.float32]:
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


def _read_trimmed(clip: Clip, trim_silence_db: float, target_hz: int) -> NDArray[np.float32]:
    """Reads a whole clip without its leading and trailing silence."""
    import librosa  # costs a worker 200 MB, so only a build that trims pays for it

    seconds = min(MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES / max(clip.samplerate, target_hz))
    samples = _read_mono(clip, 0, round(seconds * clip.samplerate))
    if not np.isfinite(samples).all():
        raise MediaError(Reason.NOT_FINITE, "NaN or infinite samples")
    if clip.samplerate != target_hz:
        samples = soxr.resample(samples, clip.samplerate, target_hz)
    peak = _peak(samples)
    _, (first, last) = librosa.effects.trim(
        samples / peak if peak > LOUDEST_SQUARED else samples, top_db=trim_silence_db
    )
    return samples[first:last]


def _read_mono(clip: Clip, first: int, length: int) -> NDArray[np.float32]:
    """Reads `length` samples from `first`, or as many as are there, channels made one."""
    if first >= min(clip.frames, MAX_SECONDS * clip.samplerate):
        return np.zeros(0, np.float32)
    settling = 0
    # Vorbis may continue a block off after a seek: https://github.com/libsndfile/libsndfile/issues/885
    if clip.format == "OGG" or not clip.can_seek():
        _skip(clip, first)
    else:
        if clip.subtype.startswith("MPEG"):
            settling = min(first, round(MPEG_SETTLING_SECONDS * clip.samplerate))
        clip.seek(first - settling)
    blocks = [_to_mono(block) for block in _blocks(clip, settling + length)]
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks))[settling:]


def _blocks(clip: Clip, samples: int) -> Iterator[NDArray[np.float32]]:
    """Reads [samples, channels] a bounded piece at a time, whatever a header claims."""
    at_once = max(1, BLOCK_VALUES // clip.channels)
    while samples > 0:
        wanted = min(samples, at_once)
        block = _read_block(clip, wanted)
        yield block
        if len(block) < wanted:
            return
        samples -= wanted


def _read_block(clip: Clip, samples: int) -> NDArray[np.float32]:
    """The next samples as float32 [samples, channels].

    libsndfile turns 16-bit samples into the same floats, at less than half the speed.
    """
    if clip.subtype != "PCM_16":
        return clip.read(samples, dtype="float32", always_2d=True)
    block = clip.read(samples, dtype="int16", always_2d=True).astype(np.float32)
    block *= INT16_STEP
    return block


def _skip(clip: Clip, samples: int) -> int:
    """Decodes and forgets; returns how many samples there were."""
    return sum(len(block) for block in _blocks(clip, samples))


def _to_mono(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages [samples, channels], unless they cancel each other."""
    number = channels.shape[1]
    if number == 1:
        return channels[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        mono = channels.mean(axis=1)
        if _peak(mono) * number < CANCELLED * _peak(channels):
            return channels[:, np.abs(channels).max(axis=0).argmax()]
    return mono


def _peak(samples: NDArray[np.float32]) -> float:
    """The largest magnitude; faster than `np.abs(samples).max()`."""
    return max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
