"""Counts the frames of MP3 files whose header does not state their number.

Decoders estimate the length of such a file from its first frames, which is wrong for a variable
bit rate. They also end where the header says, even if another file was appended.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from facevoice.features.streams import Stream, size_of, tag_bytes

# kbit/s of Layer III by the index in the header of a frame: MPEG 1; MPEG 2 and 2.5.
BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
MPEG_1, MONO = 3, 3
XING_FRAMES, XING_BYTES = 1, 2  # flags
START_BYTES = 52  # of a frame, with the fields of a Xing header
SEARCHED_BYTES = 1 << 16  # for the next frame after damage
MIN_FRAMES = 3  # of a stream without a header; some encoders do not count the last frames


@dataclass(frozen=True)
class _Layout:
    """What the header of a frame says.

    Attributes:
      size: in bytes.
      samples: per channel.
      kind: version, sample rate and mono or not, which do not change within a stream.
      xing_place: offset of a Xing header, behind the side information.
    """

    size: int
    samples: int
    kind: tuple[int, int, bool]
    xing_place: int


@dataclass
class _Part:
    start: int
    end: int
    layout: _Layout
    has_xing: bool
    stated_frames: int | None
    frames: int = 0  # without the one with the Xing header


def mpeg_streams(file: BinaryIO, decoder_samples: int) -> list[Stream]:
    """Returns the streams of an MP3 file; none if a decoder finds its length without help.

    Args:
      file: the file.
      decoder_samples: length that the decoder states, in samples per channel.
    """
    first = next(_frames(file), None)
    if first is None or _is_complete(file, *first):
        return []
    parts = [part for part in _parts(file) if part.has_xing or part.frames >= MIN_FRAMES]
    if len(parts) == 1 and not parts[0].has_xing:
        counted = parts[0].frames * parts[0].layout.samples
        if abs(counted - decoder_samples) < MIN_FRAMES * parts[0].layout.samples:
            return []
    return [_stream(part) for part in parts]


def _is_complete(file: BinaryIO, place: int, start: bytes, layout: _Layout) -> bool:
    """Returns whether a Xing header states the size of the file, to two frames, apart from tags."""
    frames, size = _xing_fields(start, layout) or (None, None)
    if not frames or size is None:
        return False
    end = place + size
    while tag := tag_bytes(_read(file, end, 16)):
        end += tag
    return abs(size_of(file) - end) <= 2 * size // frames


def _stream(part: _Part) -> Stream:
    if part.stated_frames:
        missing = max(0, part.stated_frames - part.frames) * part.layout.samples
        return Stream(part.start, part.end, missing_samples=missing)
    # A decoder divides the size of the file by that of the first frame.
    start = part.start + part.layout.size * part.has_xing
    size = max(part.end - start, (part.frames + 1) * part.layout.size)
    return Stream(start, start + size, samples=part.frames * part.layout.samples)


def _parts(file: BinaryIO) -> list[_Part]:
    """Returns the streams: they end with the stated frames, at a Xing header or a new format."""
    parts: list[_Part] = []
    part = None
    for place, start, layout in _frames(file):
        xing = _xing_fields(start, layout)
        if (
            part is None
            or xing
            or layout.kind != part.layout.kind
            or (part.stated_frames and part.frames == part.stated_frames)
        ):
            stated = xing[0] if xing else None
            part = _Part(place, place, layout, xing is not None, stated)
            parts.append(part)
        part.frames += xing is None
        part.end = place + layout.size
    return parts


def _frames(file: BinaryIO) -> Iterator[tuple[int, bytes, _Layout]]:
    """Yields place, first bytes and layout of each frame; skips tags and damaged parts."""
    place, kind = 0, None
    size = size_of(file)
    while True:
        start = _read(file, place, START_BYTES)
        if len(start) < 4:
            return
        layout = _layout(int.from_bytes(start[:4], "big"))
        if layout and (layout.kind == kind or _is_followed(file, place, layout, size)):
            if place + layout.size > size:
                return  # truncated
            yield place, start, layout
            place, kind = place + layout.size, layout.kind
        elif tag := tag_bytes(start):
            place += tag
        else:
            found = _next_frame(file, place + 1, size)
            if found is None:
                return
            place, kind = found, None


def _next_frame(file: BinaryIO, place: int, size: int) -> int | None:
    """Returns the place of the next frame that is followed by one like it."""
    data = _read(file, place, SEARCHED_BYTES)
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 3:
        layout = _layout(int.from_bytes(data[at : at + 4], "big"))
        if layout and _is_followed(file, place + at, layout, size):
            return place + at
        at = data.find(b"\xff", at + 1)
    return None


def _is_followed(file: BinaryIO, place: int, layout: _Layout, size: int) -> bool:
    """Returns whether a frame is followed by one of its kind, by a tag or by the end."""
    after = _read(file, place + layout.size, 10)
    if not after:
        return place + layout.size == size
    following = _layout(int.from_bytes(after[:4], "big"))
    return following.kind == layout.kind if following else tag_bytes(after) > 0


def _xing_fields(start: bytes, layout: _Layout) -> tuple[int | None, int | None] | None:
    """Returns frames and bytes that a Xing header states; None without such a header."""
    header = start[layout.xing_place :]
    if not header.startswith((b"Xing", b"Info")) or len(header) < 16:
        return None
    flags, *fields = struct.unpack_from(">3I", header, 4)
    frames = fields.pop(0) if flags & XING_FRAMES else None
    return frames, fields[0] if flags & XING_BYTES else None


@lru_cache(maxsize=1024)
def _layout(header: int) -> _Layout | None:
    """Returns what the 4 bytes of a header say; None if it is not one of Layer III."""
    version, layer, rate = header >> 19 & 3, header >> 17 & 3, header >> 10 & 3
    if header >> 21 != 0x7FF or version not in RATES_HZ or layer != 1 or rate == 3:
        return None
    is_first, is_mono, rate_hz = version == MPEG_1, header >> 6 & 3 == MONO, RATES_HZ[version][rate]
    kbps = BIT_RATES[not is_first][header >> 12 & 15]
    if not kbps:
        return None
    samples = 1152 if is_first else 576
    side_bytes = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    size = samples * kbps * 125 // rate_hz + (header >> 9 & 1)
    return _Layout(size, samples, (version, rate, is_mono), 4 + side_bytes)


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
