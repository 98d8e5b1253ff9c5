"""Reads one window of mono samples from an audio file."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from facevoice.features.clips import (
    BLOCK_VALUES,
    LOSSY_SUBTYPES,
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
from facevoice.features.sound_track import SoundTrack
from facevoice.features.videos import VideoSource, open_video

# A shorter clip does not identify a voice, and repeating it would add a hum.
MIN_SECONDS = 0.25
INT16_STEP = 2.0**-15
# Digital silence or a constant, apart from one step of 16-bit rounding to each side. Within so
# short a time, a slow drift of the offset stays in this range, too.
SILENCE_RANGE, SILENCE_SECONDS = 2 * INT16_STEP, 0.0025
# Range of the noise that lossy codecs add to a constant, as a fraction of the constant. Vorbis adds
# the most, 0.018 at 0.01 and above.
CODEC_NOISE = 0.02
# Trimming reads whole clips; this limits their memory (10 minutes at up to 48 kHz).
MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES = 600, 600 * 48_000
# Squares of larger samples would overflow in float32.
MAX_SQUARABLE = 1e18
# Samples read on both sides of a window, longer than the filter of the resampler.
RESAMPLING_MARGIN_SECONDS = 0.05
# What codecs make of a constant at the start of a clip: Opus removes it, which takes up to 0.42 s,
# and others settle within 0.1 s. At the end, the last frame of an MP3 is off for up to 0.11 s.
OPUS_START_SECONDS, CODEC_START_SECONDS, CODEC_EDGE_SECONDS = 0.5, 0.25, 0.12
# MPEG frames depend on earlier ones, so decoding starts this long before the wanted sample. In a
# stream of the lowest bit rates, as of silence, samples are wrong for up to 1.3 s after a seek.
MPEG_SETTLING_SECONDS = 2.0
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
    return [int(i) * settings.window_samples for i in spread_indices(count, MOST_WINDOWS)]


def spread_indices(count: int, most: int) -> NDArray[np.int64]:
    """Returns all of `count` indices, or `most` of them, spread evenly."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def read_window(
    source: Source, start_samples: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Reads one window of a clip as mono samples at the target rate.

    Only the samples needed are decoded. Channels are averaged; if they cancel each other, as with
    inverted polarity, the loudest channel is used. Silence is judged before resampling, and after
    it without the ends of the window, where the resampler rings. If the clip ends within the
    window, its samples are repeated until the window is full, because silence would reveal the
    length of the clip to the models. With `trim_silence_db`, positions count from the end of the
    leading silence.

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
        return _window_of(clip, start_samples, settings)


def read_video_window(
    source: VideoSource, start_samples: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Reads one window of a video's sound as mono samples at the target rate.

    Channels, silence and short windows are treated as by `read_window`.

    Args:
      source: path, open file or open video.
      start_samples: first sample from the start of the file, at `settings.sample_rate_hz`.
      settings: sample rate and window length. Silence is not trimmed.

    Returns:
      float32 [window_samples].

    Raises:
      MediaError: unreadable, no_audio, no_video, sample_rate, too_short, not_finite or silent.
      VideoSupportError: PyAV is missing.
    """
    with open_video(source) as video:
        return _window_of(SoundTrack(video), start_samples, settings)


def _window_of(
    clip: Clip | SoundTrack, start_samples: int, settings: FeatureSettings
) -> NDArray[np.float32]:
    """Returns one window of an open clip; see `read_window`."""
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
    if _rings_only(samples, settings.sample_rate_hz, clip.subtype, start_samples):
        raise MediaError(Reason.SILENT, "no sound above one 16-bit step")
    if len(samples) < settings.window_samples:
        return np.resize(samples, settings.window_samples)  # repeats from the beginning
    return samples


def read_blocks(
    source: Source, sample_rate_hz: int, settings: FeatureSettings
) -> Generator[NDArray[np.float32], None, None]:
    """Reads a clip from its beginning as mono samples, one block after the other.

    Positions are those of `read_window`, at another sample rate; a block is a little longer than a
    window.

    Args:
      source: as in `read_window`.
      sample_rate_hz: of the samples.
      settings: window length and trimming.

    Yields:
      float32 [samples]; not checked for silence and values that are not finite.

    Raises:
      MediaError: unreadable, sample_rate, too_short or, with trimming, not_finite.
    """
    with open_clip(source) as clip:
        if settings.trim_silence_db is not None:
            samples = _read_trimmed(clip, settings.trim_silence_db, settings.sample_rate_hz)
            yield soxr.resample(samples, settings.sample_rate_hz, sample_rate_hz)
            return
        seconds = settings.window_seconds + 2 * RESAMPLING_MARGIN_SECONDS
        blocks = _mono_blocks(clip, math.ceil(seconds * clip.samplerate))
        if clip.samplerate == sample_rate_hz:
            yield from blocks
            return
        resampler = soxr.ResampleStream(clip.samplerate, sample_rate_hz, 1)
        for block in blocks:
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _read_span(
    clip: Clip | SoundTrack, start: int, settings: FeatureSettings
) -> NDArray[np.float32]:
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


def _read_trimmed(
    clip: Clip | SoundTrack, trim_silence_db: float, target_hz: int
) -> NDArray[np.float32]:
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
    if _rings_only(samples, target_hz, clip.subtype, start_samples=0):
        return np.zeros_like(samples)
    peak = _peak(samples)
    _, (first, last) = librosa.effects.trim(
        samples / peak if peak > MAX_SQUARABLE else samples, top_db=trim_silence_db
    )
    return samples[first:last]


def _read_mono(clip: Clip | SoundTrack, first: int, length: int) -> NDArray[np.float32]:
    """Reads up to `length` mono samples from `first`."""
    if isinstance(clip, Chain):
        spans = [_read_mono(*span) for span in clip.overlapping(first, length)]
        return np.concatenate(spans or [np.zeros(0, np.float32)])
    if isinstance(clip, SoundTrack):
        return _to_mono(clip.read_span(first, length))
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


def _mono_blocks(clip: Clip, block_samples: int) -> Iterator[NDArray[np.float32]]:
    """Yields the mono samples of a clip from its beginning, at most MAX_SECONDS."""
    if isinstance(clip, Chain):
        for part, _, _ in clip.overlapping(0, MAX_SECONDS * clip.samplerate):
            yield from _mono_blocks(part, block_samples)
        return
    samples = min(clip.frames, MAX_SECONDS * clip.samplerate)
    for block in _blocks(clip, samples, block_samples):
        yield _to_mono(block)


def _blocks(
    clip: SoundFile | M4aClip, samples: int, most_samples: int = BLOCK_VALUES
) -> Iterator[NDArray[np.float32]]:
    """Yields blocks [samples, channels] of limited size, whatever the header claims."""
    block_samples = max(1, min(most_samples, BLOCK_VALUES // clip.channels))
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


def _rings_only(
    samples: NDArray[np.float32], rate_hz: int, subtype: str, start_samples: int
) -> bool:
    """Returns whether samples are silent but for the ringing at their ends and the codec's noise.

    Args:
      samples: mono samples at the target rate.
      rate_hz: the target rate.
      subtype: of the clip, as libsndfile names it.
      start_samples: position of the first one in the clip.
    """
    is_lossy = subtype in LOSSY_SUBTYPES
    is_long = len(samples) >= rate_hz  # in a short clip, little sound is left between the ends
    edge_seconds = CODEC_EDGE_SECONDS if is_lossy and is_long else RESAMPLING_MARGIN_SECONDS
    start_seconds = OPUS_START_SECONDS if subtype == "OPUS" and is_long else CODEC_START_SECONDS
    edge = math.ceil(edge_seconds * rate_hz)
    settled = math.ceil(start_seconds * rate_hz) - start_samples if is_lossy else 0
    inner = samples[min(max(edge, settled), len(samples) // 2) : -edge]
    return _is_silent(inner, rate_hz, CODEC_NOISE if is_lossy else 0.0)


def _is_silent(samples: NDArray[np.float32], rate_hz: int, noise: float = 0.0) -> bool:
    """Returns whether samples are constant or drift slowly, apart from rounding.

    Args:
      samples: samples of a clip.
      rate_hz: their sample rate.
      noise: range of noise that counts as rounding, too, as a fraction of the offset.
    """
    length = math.ceil(SILENCE_SECONDS * rate_hz)
    if len(samples) == 0:
        return True
    limit = SILENCE_RANGE
    if noise:
        limit += noise * abs(float(samples.mean(dtype=np.float64)))
    if len(samples) <= length:
        return _range(samples) <= limit
    at_maximum = max(0, int(samples.argmax()) - length // 2)
    if _range(samples[at_maximum:][:length]) > limit:
        return False  # the usual case, without a look at the others
    pieces = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2]
    return bool((np.ptp(pieces, axis=1) <= limit).all()) and _range(samples[-length:]) <= limit


def _range(samples: NDArray[np.float32]) -> float:
    return float(samples.max()) - float(samples.min())


def _peak(samples: NDArray[np.float32]) -> float:
    """Returns the largest magnitude; faster than `np.abs(samples).max()`."""
    return max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
