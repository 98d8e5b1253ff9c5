"""Reads one window of mono samples from an audio file."""

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

# A shorter clip does not identify a voice, and repeating it would add a hum.
MIN_SECONDS = 0.25
MIN_RATE_HZ, MAX_RATE_HZ = 4000, 384_000
INT16_STEP = 2.0**-15
# Digital silence or a constant, apart from one step of 16-bit rounding to each side.
SILENCE_RANGE = 2 * INT16_STEP
# If a header claims more, the samples are counted instead, up to this length.
MAX_SECONDS = 4 * 3600
# Trimming reads whole clips; this limits their memory (10 minutes at up to 48 kHz).
MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES = 600, 600 * 48_000
# Squares of larger samples would overflow in float32.
MAX_SQUARABLE = 1e18
# Samples read on both sides of a window, longer than the filter of the resampler.
RESAMPLING_MARGIN_SECONDS = 0.05
# MPEG frames depend on earlier ones, so decoding starts this long before the wanted sample.
MPEG_SETTLING_SECONDS = 1.0
# Channels cancel each other if the peak of their sum is below this share of the largest peak.
CANCELLED = 0.1
BLOCK_VALUES = 1 << 22  # values per read: samples times channels

Clip: TypeAlias = "SoundFile | M4aClip"
Source = str | os.PathLike[str] | BinaryIO


class SoundFile(soundfile.SoundFile):
    """A SoundFile that does not seek to its own position after a read; FLAC may refuse to."""

    def seekable(self) -> bool:
        return False

    def can_seek(self) -> bool:
        return super().seekable()


@dataclass(frozen=True)
class AudioFacts:
    """Sample rate and length of a clip, from its header if that is plausible."""

    sample_rate_hz: int
    samples: int  # per channel, at the native rate; at most MAX_SECONDS

    def samples_at(self, sample_rate_hz: int) -> int:
        """Returns the length after resampling, rounded down to whole samples."""
        return self.samples * sample_rate_hz // self.sample_rate_hz


def probe_audio(source: Source) -> AudioFacts:
    """Reads the header of a clip; decodes the clip if the header claims more than MAX_SECONDS.

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
    """Reads one window of a clip as mono samples at the target rate.

    Only the samples needed are decoded. Channels are averaged; if they cancel each other, as with
    inverted polarity, the loudest channel is used. If the clip ends within the window, its samples
    are repeated until the window is full, because silence would reveal the length of the clip to
    the models. With `trim_silence_db`, positions count from the end of the leading silence.

    Args:
      source: path or open file in a format that libsndfile or `facevoice.features.m4a` reads.
      start_samples: first sample, at `settings.sample_rate_hz`.
      settings: sample rate, window length and trimming.

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
    """Opens a clip; turns errors while it is open into MediaErrors."""
    check_regular(source)
    try:
        with _open_any_format(source) as clip:
            if clip.format == "RAW":  # libsndfile guesses from the name: .au, .snd, .gsm, .vox
                raise MediaError(Reason.UNREADABLE, "no header")
            if not MIN_RATE_HZ <= clip.samplerate <= MAX_RATE_HZ:
                raise MediaError(Reason.SAMPLE_RATE, f"{clip.samplerate} Hz")
            if clip.frames <= 0:
                raise MediaError(Reason.TOO_SHORT, "no samples")
            yield clip
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        detail = getattr(error, "error_string", None) or getattr(error, "strerror", None)
        raise MediaError(Reason.UNREADABLE, (detail or str(error)).strip().rstrip(".")) from error


def _open_any_format(source: Source) -> Clip:
    try:
        return SoundFile(source)
    except TypeError as error:  # soundfile requires a sample rate for files named .raw
        raise MediaError(Reason.UNREADABLE, str(error)) from error
    except soundfile.LibsndfileError as error:
        if is_m4a(_first_bytes(source)):
            return M4aClip(source)
        if "does not exist" in error.error_string:  # also raised for an MP3 without frames
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
    """Reads up to one window from `start`, in samples of the target rate."""
    native_hz, target_hz, length = (
        clip.samplerate,
        settings.sample_rate_hz,
        settings.window_samples,
    )
    if native_hz == target_hz:
        return _read_mono(clip, start, length)
    # The sampling grids of both rates coincide at multiples of 1 / gcd seconds. Reading from such a
    # point gives the same resampled values wherever the window starts.
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
    import librosa  # needs 200 MB in a worker, so it is imported only for trimming

    seconds = min(MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES / max(clip.samplerate, target_hz))
    samples = _read_mono(clip, 0, round(seconds * clip.samplerate))
    if not np.isfinite(samples).all():
        raise MediaError(Reason.NOT_FINITE, "NaN or infinite samples")
    if clip.samplerate != target_hz:
        samples = soxr.resample(samples, clip.samplerate, target_hz)
    peak = _peak(samples)
    _, (first, last) = librosa.effects.trim(
        samples / peak if peak > MAX_SQUARABLE else samples, top_db=trim_silence_db
    )
    return samples[first:last]


def _read_mono(clip: Clip, first: int, length: int) -> NDArray[np.float32]:
    """Reads up to `length` mono samples from `first`."""
    if first >= min(clip.frames, MAX_SECONDS * clip.samplerate):
        return np.zeros(0, np.float32)
    settling = 0
    # Vorbis may be off by a block after a seek: https://github.com/libsndfile/libsndfile/issues/885
    if clip.format == "OGG" or not clip.can_seek():
        _skip(clip, first)
    else:
        if clip.subtype.startswith("MPEG"):
            settling = min(first, round(MPEG_SETTLING_SECONDS * clip.samplerate))
        clip.seek(first - settling)
    blocks = [_to_mono(block) for block in _blocks(clip, settling + length)]
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks))[settling:]


def _blocks(clip: Clip, samples: int) -> Iterator[NDArray[np.float32]]:
    """Yields blocks [samples, channels] of limited size, whatever the header claims."""
    block_samples = max(1, BLOCK_VALUES // clip.channels)
    while samples > 0:
        wanted = min(samples, block_samples)
        block = _read_block(clip, wanted)
        yield block
        if len(block) < wanted:
            return
        samples -= wanted


def _read_block(clip: Clip, samples: int) -> NDArray[np.float32]:
    """Reads the next samples as float32 [samples, channels].

    Converting 16-bit samples here gives the same values as libsndfile, at over twice the speed.
    """
    if clip.subtype != "PCM_16":
        return clip.read(samples, dtype="float32", always_2d=True)
    block = clip.read(samples, dtype="int16", always_2d=True).astype(np.float32)
    block *= INT16_STEP
    return block


def _skip(clip: Clip, samples: int) -> int:
    """Decodes and discards samples; returns their number."""
    return sum(len(block) for block in _blocks(clip, samples))


def _to_mono(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages [samples, channels]; returns the loudest channel if they cancel each other."""
    number = channels.shape[1]
    if number == 1:
        return channels[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity are rejected later
        mono = channels.mean(axis=1)
        if _peak(mono) * number < CANCELLED * _peak(channels):
            return channels[:, np.abs(channels).max(axis=0).argmax()]
    return mono


def _peak(samples: NDArray[np.float32]) -> float:
    """Returns the largest magnitude; faster than `np.abs(samples).max()`."""
    return max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
