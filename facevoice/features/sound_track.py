"""Reads the sound track of a video, placed by its timestamps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from facevoice.features.m4a import frame_samples
from facevoice.features.videos import OpenVideo

# Frames depend on earlier ones, so decoding starts this long before the wanted sample.
SETTLING_SECONDS = 1.0
# Timestamps are rounded and jitter. A larger step between them is a gap, which is silent, or an
# overlap, of which the samples that come later are dropped.
MAX_JITTER_SECONDS = 0.1
LOSSLESS = ("pcm", "flac", "alac", "wavpack")  # beginnings of FFmpeg's names of codecs


class SoundTrack:
    """The sound track of a video, as a clip that begins at the start of the file."""

    def __init__(self, video: OpenVideo) -> None:
        self._video = video
        self._track = video.audio
        self.samplerate: int = video.audio.codec_context.sample_rate
        self.channels: int = video.audio.codec_context.channels
        is_lossless = video.audio.codec_context.name.startswith(LOSSLESS)
        self.subtype = "LOSSLESS" if is_lossless else ""  # as of libsndfile's formats

    def read_span(self, first: int, length: int) -> NDArray[np.float32]:
        """Returns up to `length` samples from `first`: float32 [samples, channels].

        They end where the track does. What the track lacks before its end is silent.
        """
        samples = np.zeros((length, self.channels), np.float32)
        end = 0
        for start, block in self._blocks(first):
            start -= first
            stop = start + len(block)
            if stop > 0:
                to, part = max(start, 0), block[max(-start, 0) :]
                samples[to : to + len(part)] = part[: max(length - to, 0)]
                end = max(end, stop)
            if end >= length:
                break
        return samples[: min(end, length)]

    def _blocks(self, first: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yields decoded blocks in order, without overlap, and their first samples."""
        self._video.seek(first / self.samplerate - SETTLING_SECONDS, self._track)
        expected: int | None = None
        for frame in self._video.container.decode(self._track):
            if frame.pts is None:
                continue
            block = frame_samples(frame, self.samplerate, self.channels)
            start = round(self._video.seconds(frame.pts, self._track) * self.samplerate)
            if expected is not None:
                if abs(start - expected) <= MAX_JITTER_SECONDS * self.samplerate:
                    start = expected
                block, start = block[max(expected - start, 0) :], max(start, expected)
            expected = start + len(block)
            yield start, block
