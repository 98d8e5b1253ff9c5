"""Reads audio formats that libsndfile does not support with PyAV: MP4, M4A (VoxCeleb2), AAC, WMA.

PyAV comes with the extra `facevoice[m4a]` and is imported only for such files.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facevoice.features.reject_reasons import MediaError, Reason

# FFmpeg supports hundreds of formats; some of them are playlists, which open other files.
FORMATS = "mov,aac,asf"
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
ASF_START = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
# Decoding everything before a window is exact, but slow. Seek if it is more than this.
SEEK_BEYOND_SECONDS = 10.0
# Frames depend on earlier ones, so decoding starts this long before the wanted sample.
SETTLING_SECONDS = 1.0
UNKNOWN_LENGTH = 2**62
MAX_BOXES = 10_000  # looked at on the top level of an MP4 file


def is_m4a(start: bytes) -> bool:
    """Returns whether the first 16 bytes of a file are those of a format that this module reads."""
    is_adts = len(start) > 1 and start[0] == 0xFF and start[1] & 0xF6 == 0xF0
    return start[4:8] in MP4_BOXES or start[:8] == ASF_START or is_adts


class M4aClip:
    """The first audio track of a file, with the part of `soundfile.SoundFile`'s interface in use.

    FFmpeg removes the encoder delay that the edit list of an MP4 file states. Raw AAC and
    fragmented MP4 do not state it.

    Attributes:
      samplerate: in Hz.
      channels: number of channels.
      frames: samples per channel according to the header.
    """

    format = "M4A"
    subtype = ""

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        """Opens a file.

        Raises:
          MediaError: unreadable.
        """
        try:
            import av
        except ImportError as error:
            detail = "M4A, MP4, AAC and WMA need PyAV: pip install 'facevoice[m4a]'"
            raise MediaError(Reason.UNREADABLE, detail) from error
        self._owned: BinaryIO | None = None
        if isinstance(source, str | os.PathLike):
            file: BinaryIO = Path(source).open("rb")  # noqa: SIM115
            self._owned = file
        else:
            file = source
        try:
            with as_unreadable():
                if holds_two_files(file):  # FFmpeg reads the first one
                    raise MediaError(Reason.UNREADABLE, "another MP4 file follows in the same file")
                self._container = av.open(
                    file,
                    mode="r",
                    options={"format_whitelist": FORMATS},
                    metadata_errors="replace",
                )
                self._read_header()
        except MediaError:
            self.close()
            raise

    def _read_header(self) -> None:
        if not self._container.streams.audio:
            raise MediaError(Reason.UNREADABLE, "no sound track that can be decoded")
        self._track = self._container.streams.audio[0]
        self.samplerate: int = self._track.codec_context.sample_rate
        self.channels: int = self._track.codec_context.channels
        if self.samplerate <= 0 or self.channels <= 0:
            raise MediaError(Reason.UNREADABLE, "no sampling rate or no channels")
        self._samples_per_tick = (self._track.time_base or 0) * self.samplerate
        is_estimated = self._container.format.name == "aac"  # from the bit rate
        ticks = 0 if is_estimated else self._track.duration or 0
        self.frames = int(ticks * self._samples_per_tick) if ticks > 0 else UNKNOWN_LENGTH
        self._position = 0  # of the first sample of `_rest`
        self._blocks = self._decode()
        self._rest = np.zeros((0, self.channels), np.float32)

    def __enter__(self) -> M4aClip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if hasattr(self, "_container"):
            self._container.close()
        if self._owned is not None:
            self._owned.close()

    def can_seek(self) -> bool:
        return True

    def seek(self, position: int) -> None:
        """Moves forward to a sample, from which the next `read` starts."""
        is_far = position > SEEK_BEYOND_SECONDS * self.samplerate
        if is_far and self._samples_per_tick == 1:  # other time bases are rounded
            start = self._track.start_time or 0
            early = position - round(SETTLING_SECONDS * self.samplerate)
            with as_unreadable():
                self._container.seek(start + early, stream=self._track)
                frame = next(self._container.decode(self._track), None)
                if frame is None or frame.pts is None or frame.pts - start > position:
                    raise MediaError(Reason.UNREADABLE, "cannot be read from within")
            self._position = frame.pts - start
            self._rest = self._samples(frame)
            self._blocks = self._decode()
        while self._position + len(self._rest) < position:
            self._position += len(self._rest)
            self._rest = next(self._blocks, np.zeros((0, self.channels), np.float32))
            if not len(self._rest):
                return
        self._rest = self._rest[position - self._position :]
        self._position = position

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> Any:
        """Reads the next samples: float32 [samples, channels], at most `frames`."""
        assert (dtype, always_2d) == ("float32", True)
        frames = min(frames, self.frames - self._position)
        blocks = [self._rest]
        count = len(self._rest)
        while count < frames and (block := next(self._blocks, None)) is not None:
            blocks.append(block)
            count += len(block)
        samples = np.concatenate(blocks)
        result, self._rest = samples[:frames], samples[frames:]
        self._position += len(result)
        return result

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        with as_unreadable():
            for frame in self._container.decode(self._track):
                yield self._samples(frame)

    def _samples(self, frame: Any) -> NDArray[np.float32]:
        return frame_samples(frame, self.samplerate, self.channels)


def frame_samples(frame: Any, rate_hz: int, channels: int) -> NDArray[np.float32]:
    """Converts one decoded frame to float32 [samples, channels] with full scale at 1.

    Raises:
      MediaError: the frame has another sample rate or number of channels.
    """
    if (frame.sample_rate, frame.layout.nb_channels) != (rate_hz, channels):
        raise MediaError(Reason.UNREADABLE, "changes its sampling rate or its channels")
    values = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if values.dtype.kind == "u":
        values = values.astype(np.float32) / 128 - 1
    elif values.dtype.kind == "i":
        values = values * 2.0 ** (1 - 8 * values.dtype.itemsize)
    return values.astype(np.float32, copy=False)


def holds_two_files(file: BinaryIO) -> bool:
    """Returns whether an MP4 file is followed by another one."""
    place = files = 0
    for _ in range(MAX_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        size, name = struct.unpack(">I4s", head[:8])
        files += name == b"ftyp"
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < 8 or files > 1:
            break
        place += size
    file.seek(0)
    return files > 1


@contextmanager
def as_unreadable() -> Iterator[None]:
    """Turns any error of FFmpeg into a MediaError."""
    try:
        yield
    except MediaError:
        raise
    # PyAV raises OSErrors, ValueErrors, LookupErrors and more.
    except Exception as error:
        detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(Reason.UNREADABLE, detail) from error
