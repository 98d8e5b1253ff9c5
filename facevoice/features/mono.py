"""Reads clips as mono samples, at their own sample rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from facevoice.features.clips import BLOCK_VALUES, MAX_SECONDS, Chain, Clip, SoundFile, skip
from facevoice.features.m4a import M4aClip
from facevoice.features.sound_track import SoundTrack

INT16_STEP = 2.0**-15
# MPEG frames depend on earlier ones, so decoding starts this long before the wanted sample. In a
# stream of the lowest bit rates, as of silence, samples are wrong for up to 1.3 s after a seek.
MPEG_SETTLING_SECONDS = 2.0
# Channels cancel each other if the power of their sum is below this share of the sum of their
# powers. Two channels of equal level have 1 plus their correlation.
CANCELLED = 0.5


def read_mono(clip: Clip | SoundTrack, first: int, length: int) -> NDArray[np.float32]:
    """Reads up to `length` mono samples from `first`."""
    if isinstance(clip, Chain):
        spans = [read_mono(*span) for span in clip.overlapping(first, length)]
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


def mono_blocks(clip: Clip, block_samples: int) -> Iterator[NDArray[np.float32]]:
    """Yields the mono samples of a clip from its beginning, at most MAX_SECONDS."""
    if isinstance(clip, Chain):
        for part, _, _ in clip.overlapping(0, MAX_SECONDS * clip.samplerate):
            yield from mono_blocks(part, block_samples)
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
        scale = max(peak(channels), 1.0)  # squares of floats above 1 might overflow
        powers = [_power(channels[:, channel] / scale) for channel in range(number)]
        if _power(mono / scale) * number**2 < CANCELLED * sum(powers):
            return channels[:, np.argmax(powers)]
    return mono


def _power(samples: NDArray[np.float32]) -> float:
    """Returns the sum of the squares of samples without their offset."""
    moving = samples - samples.mean()
    return float(moving @ moving)


def peak(samples: NDArray[np.float32]) -> float:
    """Returns the largest magnitude; faster than `np.abs(samples).max()`."""
    return max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
