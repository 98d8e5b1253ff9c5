"""Reads one window of mono samples from an audio file."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from facevoice.features.clips import MAX_SECONDS, Chain, Clip, Source, count_samples, open_clip
from facevoice.features.mono import mono_blocks, peak, read_mono
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FeatureSettings
from facevoice.features.silence import RESAMPLING_MARGIN_SECONDS, is_silent, rings_only
from facevoice.features.sound_track import SoundTrack
from facevoice.features.videos import VideoSource, open_video

# A shorter clip does not identify a voice, and repeating it would add a hum.
MIN_SECONDS = 0.25
# Trimming reads whole clips; this limits their memory (10 minutes at up to 48 kHz).
MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES = 600, 600 * 48_000
# Squares of larger samples would overflow in float32.
MAX_SQUARABLE = 1e18
MOST_WINDOWS = 20  # of a whole clip: one minute of windows of 3 s


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
    if rings_only(samples, settings.sample_rate_hz, clip.subtype, start_samples):
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
        blocks = mono_blocks(clip, math.ceil(seconds * clip.samplerate))
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
        return read_mono(clip, start, length)
    # The sampling grids of both rates coincide at multiples of 1 / gcd seconds. Reading from such a
    # point gives the same resampled values wherever the window starts.
    common = math.gcd(native_hz, target_hz)
    margin = math.ceil(RESAMPLING_MARGIN_SECONDS * target_hz)
    instant = max(0, (start - margin) // (target_hz // common))
    first = instant * (native_hz // common)
    last = math.ceil((start + length + margin) * native_hz / target_hz)
    offset = start - instant * (target_hz // common)
    native = read_mono(clip, first, last - first)
    samples = soxr.resample(native, native_hz, target_hz)[offset : offset + length]
    window = slice(offset * native_hz // target_hz, (offset + length) * native_hz // target_hz)
    # At the ends of a clip, the resampler makes a constant ring.
    return np.zeros_like(samples) if is_silent(native[window], native_hz) else samples


def _read_trimmed(
    clip: Clip | SoundTrack, trim_silence_db: float, target_hz: int
) -> NDArray[np.float32]:
    """Reads a whole clip without its leading and trailing silence."""
    import librosa  # needs 200 MB in a worker, so it is imported only for trimming

    seconds = min(MAX_TRIMMED_SECONDS, MAX_TRIMMED_SAMPLES / max(clip.samplerate, target_hz))
    samples = read_mono(clip, 0, round(seconds * clip.samplerate))
    if not np.isfinite(samples).all():
        raise MediaError(Reason.NOT_FINITE, "NaN or infinite samples")
    if is_silent(samples, clip.samplerate):
        samples = np.zeros_like(samples)  # because resampling a constant makes it ring
    if clip.samplerate != target_hz:
        samples = soxr.resample(samples, clip.samplerate, target_hz)
    if rings_only(samples, target_hz, clip.subtype, start_samples=0):
        return np.zeros_like(samples)
    largest = peak(samples)
    _, (first, last) = librosa.effects.trim(
        samples / largest if largest > MAX_SQUARABLE else samples, top_db=trim_silence_db
    )
    return samples[first:last]
