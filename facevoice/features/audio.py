"""Reads one window of mono samples from an audio file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from facevoice.features.clips import (
    BLOCK_VALUES,
    MAX_SECONDS,
    Chain,
    Clip,
    SoundFile,
    Source,
    count_samples,
    open_clip,
    skip,
)
from facevoice.features.m4a import M4aClip
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FeatureSettings

# A shorter clip does not identify a voice, and repeating it would add a hum.
MIN_SECONDS = 0.25
INT16_STEP = 2.0**-15
# Digital silence or a constant, apart from one step of 16-bit rounding to each side. Within so
# short a time, a slow drift of the offset stays in this range, too.
SILENCE_RANGE, SILENCE_SECONDS = 2 * INT16_STEP, 0.0025
# Trimming reads whole clips; this limits their memory (10 minutes at up to 48 kHz).
MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES = 600, 600 * 48_000
# Squares of larger samples would overflow in float32.
MAX_SQUARABLE = 1e18
# Samples read on both sides of a window, longer than the filter of the resampler.
RESAMPLING_MARGIN_SECONDS = 0.05
# MPEG frames depend on earlier ones, so decoding starts this long before the wanted sample.
MPEG_SETTLING_SECONDS = 1.0
MOST_WINDOWS = 20  # of a whole clip: one minute of windows of 3 s
# Channels cancel each other if the power of their sum is below this share of the sum of their
# powers. Two channels of equal level have 1 plus their correlation.
CANCELLED = 0.5


@dataclass(frozen=True)
class AudioFacts:
    """Sample rate and length of a clip, from its header if that is plausible."""

    sample_rate_hz: int
    samples: int  # per channel, at the native rate; at most MAX_SECONDS

    def samples_at(self, sample_rate_hz: int) -> int:
        """Returns the length after resampling, rounded down to whole samples."""
        return self.samples * sample_rate_hz // self.sample_rate_hz


def probe_audio(source: Source) -> AudioFacts:
    """Reads the header of a clip; counts the samples if it does not state their number.

    Streams that follow each other in one file count together. A clip is decoded if its header
    claims more than MAX_SECONDS.

    Raises:
      MediaError: unreadable, sample_rate or too_short.
    """
    with open_clip(source) as clip:
        samples = clip.frames if isinstance(clip, Chain) else count_samples(clip)
        if samples == 0:
            raise MediaError(Reason.TOO_SHORT, "no samples")
        return AudioFacts(clip.samplerate, min(samples, MAX_SECONDS * clip.samplerate))


def consecutive_starts(samples: int, settings: FeatureSettings) -> list[int]:
    """Returns the first samples of the windows of a whole clip, at `settings.sample_rate_hz`.

    They are consecutive. Of more than MOST_WINDOWS, that many are taken, spread evenly.
    """
    count = max(1, samples // settings.window_samples)
    indices = np.linspace(0, count - 1, min(count, MOST_WINDOWS)).round().astype(int)
    return [int(index) * settings.window_samples for index in indices]


def read_window(
    source: Source, start_samples: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Reads one window of a clip as mono samples at the target rate.

    Only the samples needed are decoded. Channels are averaged; if they cancel each other, as with
    inverted polarity, the loudest channel is used. Silence is judged before resampling. If the clip
    ends within the window, its samples are repeated until the window is full, because silence would
    reveal the length of the clip to the models. With `trim_silence_db`,
    positions count from the end of the leading silence.

    Args:
      source: path or open file in a format that libsndfile or `facevoice.features.m4a` reads.
      start_samples: first sample, at `settings.sample_rate_hz`.
      settings: sample rate, window length and trimming.

    Returns:
      float32 [window_samples].

    Raises:
      MediaError: unreadable, sample_rate, too_short, not_finite or silent.
    """
    end_seconds = (start_samples + settings.window_samples) / settings.sample_rate_hz
    is_trimmed = settings.trim_silence_db is not None
    with open_clip(
        source, math.inf if is_trimmed else end_seconds + RESAMPLING_MARGIN_SECONDS
    ) as clip:
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
    if _is_silent(samples, settings.sample_rate_hz):
        raise MediaError(Reason.SILENT, "no sound above one 16-bit step")
    if len(samples) < settings.window_samples:
        return np.resize(samples, settings.window_samples)  # repeats from the beginning
    return samples


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
    offset = start - instant * (target_hz // common)
    native = _read_mono(clip, first, last - first)
    samples = soxr.resample(native, native_hz, target_hz)[offset : offset + length]
    window = slice(offset * native_hz // target_hz, (offset + length) * native_hz // target_hz)
    # At the ends of a clip, the resampler makes a constant ring.
    return np.zeros_like(samples) if _is_silent(native[window], native_hz) else samples


def _read_trimmed(clip: Clip, trim_silence_db: float, target_hz: int) -> NDArray[np.float32]:
    """Reads a whole clip without its leading and trailing silence."""
    import librosa  # needs 200 MB in a worker, so it is imported only for trimming

    seconds = min(MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES / max(clip.samplerate, target_hz))
    samples = _read_mono(clip, 0, round(seconds * clip.samplerate))
    if not np.isfinite(samples).all():
        raise MediaError(Reason.NOT_FINITE, "NaN or infinite samples")
    if _is_silent(samples, clip.samplerate):
        samples = np.zeros_like(samples)  # because resampling a constant makes it ring
    if clip.samplerate != target_hz:
        samples = soxr.resample(samples, clip.samplerate, target_hz)
    peak = _peak(samples)
    _, (first, last) = librosa.effects.trim(
        samples / peak if peak > MAX_SQUARABLE else samples, top_db=trim_silence_db
    )
    return samples[first:last]


def _read_mono(clip: Clip, first: int, length: int) -> NDArray[np.float32]:
    """Reads up to `length` mono samples from `first`."""
    if isinstance(clip, Chain):
        spans = [_read_mono(*span) for span in clip.overlapping(first, length)]
        return np.concatenate(spans or [np.zeros(0, np.float32)])
    if first >= min(clip.frames, MAX_SECONDS * clip.samplerate):
        return np.zeros(0, np.float32)
    length = min(length, clip.frames - first)  # libFLAC fails at tags behind the last sample
    settling = 0
    # Vorbis may be off by a block after a seek: https://github.com/libsndfile/libsndfile/issues/885
    if clip.format == "OGG" or not clip.can_seek():
        skip(clip, first)
    else:
        if clip.subtype.startswith("MPEG"):
            settling = min(first, round(MPEG_SETTLING_SECONDS * clip.samplerate))
        clip.seek(first - settling)
    blocks = [_to_mono(block) for block in _blocks(clip, settling + length)]
    return (blocks[0] if len(blocks) == 1 else np.concatenate(blocks))[settling:]


def _blocks(clip: SoundFile | M4aClip, samples: int) -> Iterator[NDArray[np.float32]]:
    """Yields blocks [samples, channels] of limited size, whatever the header claims."""
    block_samples = max(1, BLOCK_VALUES // clip.channels)
    while samples > 0:
        wanted = min(samples, block_samples)
        block = _read_block(clip, wanted)
        yield block
        if len(block) < wanted:
            return
        samples -= wanted


def _read_block(clip: SoundFile | M4aClip, samples: int) -> NDArray[np.float32]:
    """Reads the next samples as float32 [samples, channels].

    Converting 16-bit samples here gives the same values as libsndfile, at over twice the speed.
    """
    if clip.subtype != "PCM_16":
        return clip.read(samples, dtype="float32", always_2d=True)
    block = clip.read(samples, dtype="int16", always_2d=True).astype(np.float32)
    block *= INT16_STEP
    return block


def _to_mono(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages [samples, channels]; returns the loudest channel if they cancel each other."""
    number = channels.shape[1]
    if number == 1:
        return channels[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity are rejected later
        mono = channels.mean(axis=1)
        scale = max(_peak(channels), 1.0)  # squares of floats above 1 might overflow
        powers = [_power(channels[:, channel] / scale) for channel in range(number)]
        if _power(mono / scale) * number**2 < CANCELLED * sum(powers):
            return channels[:, np.argmax(powers)]
    return mono


def _power(samples: NDArray[np.float32]) -> float:
    """Returns the sum of the squares of samples without their offset."""
    moving = samples - samples.mean()
    return float(moving @ moving)


def _is_silent(samples: NDArray[np.float32], rate_hz: int) -> bool:
    """Returns whether samples are constant or drift slowly, apart from rounding."""
    length = math.ceil(SILENCE_SECONDS * rate_hz)
    if len(samples) <= length:
        return len(samples) == 0 or _range(samples) <= SILENCE_RANGE
    at_maximum = max(0, int(samples.argmax()) - length // 2)
    if _range(samples[at_maximum:][:length]) > SILENCE_RANGE:
        return False  # the usual case, without a look at the others
    pieces = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2]
    return bool((np.ptp(pieces, axis=1) <= SILENCE_RANGE).all()) and (
        _range(samples[-length:]) <= SILENCE_RANGE
    )


def _range(samples: NDArray[np.float32]) -> float:
    return float(samples.max()) - float(samples.min())


def _peak(samples: NDArray[np.float32]) -> float:
    """Returns the largest magnitude; faster than `np.abs(samples).max()`."""
    return max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
