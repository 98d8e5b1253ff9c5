"""Walks over one shard, whatever has happened to it: every whole record, and every fault.

A record is framed as `tfrecord.frame` says, so it is damaged in one of two ways. Where its length
is good and its data is not, the next record begins behind the data, or at a header within it, if
bytes went missing. Where the length itself is bad, the walk goes on at the next twelve bytes that
are a length and its checksum; of all other places one in 2**32 would pass for that, and its data
would not pass. So no record whose bytes are untouched is lost, and none that has changed is taken
for whole.

What is read is a file, not a mapping of it: a disk that fails, or a file that another program cuts,
is then an error, where a mapping would end the interpreter.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from tfdata.tfrecord import masked_crc

_HEADER_BYTES, _CRC_BYTES = 12, 4  # the length and its checksum; the checksum of the data
_FRAME_BYTES = _HEADER_BYTES + _CRC_BYTES
_CHUNK_BYTES = 1 << 20  # searched for headers at once
_MAX_LOST_BYTES = 1 << 26  # a longer stretch is not taken for one record, and never held in memory
# Data with a wrong checksum is searched for headers, each of which claims data that overlaps it.
# Damage makes few of them. Once the claims are this many times the file, which takes somebody who
# wants it so, a length is believed: else the time would grow with the square of the size.
_MAX_CLAIMS = 8


class Record(NamedTuple):
    """One whole record.

    Attributes:
      number: counted from 1.
      counted: False behind damage that has swallowed bytes of unknown records: then `number` is
        judged by their size.
      offset: where its header begins, in bytes.
      data: what it frames.
    """

    number: int
    counted: bool
    offset: int
    data: bytes


class Fault(NamedTuple):
    """One damaged place, as a record's; `reason` is half a sentence of what was found there."""

    number: int
    counted: bool
    offset: int
    reason: str


def walk(file: IO[bytes], size: int) -> Iterator[Record | Fault]:
    """The whole records and the faults of a shard, in stored order.

    At most one record and one chunk are in memory, and no more is ever asked for than the file has.

    Args:
      file: open for reading; it is read from its beginning.
      size: of the file, in bytes.
    """
    headers = _Headers(file, size)
    number, at, counted, claims = 1, 0, True, 0
    while at < size:
        start = at
        end, data, reason = _read_frame(file, start, size)
        if data is not None:
            yield Record(number, counted, start, data)
            at += _FRAME_BYTES + len(data)
        else:
            yield Fault(number, counted, start, reason)
            claims += end - start if end else 0
            if end and claims > _MAX_CLAIMS * size:
                at = end
            else:
                at = headers.next(start + 1, end or size)
            if at != end and not _lost_one(file, start, at):
                counted = False
                # As many more as records of the mean size so far would fit in.
                number += max(0, round((at - start) * (number - 1) / max(1, start)) - 1)
        number += 1


def _read_frame(file: IO[bytes], start: int, size: int) -> tuple[int | None, bytes | None, str]:
    """Where the frame at an offset ends, its data, or else why there is none.

    There is no end where the length is not known.
    """
    file.seek(start)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None, None, "the file ends within its length"
    if masked_crc(header[:8]) != header[8:]:
        return None, None, "the checksum of its length is wrong"
    end = start + _FRAME_BYTES + struct.unpack_from("<Q", header)[0]
    # Asked before reading, so that no length can ask for more memory than the file has bytes.
    if end > size:
        return None, None, "the file ends within its data"
    data = file.read(end - start - _FRAME_BYTES)
    if masked_crc(data) != file.read(_CRC_BYTES):
        return end, None, "the checksum of its data is wrong"
    return end, data, ""


def _lost_one(file: IO[bytes], start: int, end: int) -> bool:
    """Whether the bytes between are one record with whole data, of which only the length is bad."""
    if not _FRAME_BYTES <= end - start <= _MAX_LOST_BYTES:
        return False
    file.seek(start + _HEADER_BYTES)
    data = file.read(end - start - _FRAME_BYTES)
    return masked_crc(data) == file.read(_CRC_BYTES)


class _Headers:
    """Finds the headers of a file; searches each chunk once, if asked in order of offsets."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self._chunk, self._found = -1, np.zeros(0, np.int64)

    def next(self, at: int, stop: int) -> int:
        """The first offset of a header from `at` on, or `stop` if there is none before it."""
        for chunk in range(at // _CHUNK_BYTES, -(-stop // _CHUNK_BYTES)):
            if chunk != self._chunk:
                self._file.seek(chunk * _CHUNK_BYTES)
                content = self._file.read(_CHUNK_BYTES + _HEADER_BYTES - 1)
                self._chunk = chunk
                self._found = chunk * _CHUNK_BYTES + find_headers(content, self._size)
            first = np.searchsorted(self._found, at)
            if first < len(self._found):
                return min(int(self._found[first]), stop)
        return stop


def find_headers(content: bytes, size: int) -> NDArray[np.int64]:
    """Offsets of all twelve bytes that are a length of at most `size` and its checksum."""
    used = max(1, (size.bit_length() + 7) // 8)  # bytes of a length that may be other than zero
    octets = np.frombuffer(content, np.uint8)
    count = max(0, len(octets) - _HEADER_BYTES + 1)
    columns = [octets[i : i + count] for i in range(_HEADER_BYTES)]
    fits = np.ones(count, bool)
    for column in columns[used:8]:
        fits &= column == 0
    # Zeros all over are no header, and the one thing that disks like to fill a file with.
    fits &= functools.reduce(np.bitwise_or, columns) != 0
    places = np.flatnonzero(fits)
    tables = _crc_tables()
    crc = np.full(len(places), google_crc32c.value(bytes(8)), np.uint32)
    stored = np.zeros(len(places), np.uint32)
    for i in range(used):
        crc ^= tables[i][columns[i][places]]
    for i in range(4):
        stored |= columns[8 + i][places].astype(np.uint32) << np.uint32(8 * i)
    masked = (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)
    return places[masked == stored]


@functools.cache
def _crc_tables() -> NDArray[np.uint32]:
    """uint32 [8, 256]: what byte i of eight, of value v, changes in the CRC-32C of eight zeros.

    A CRC is linear: what several bytes change is the exclusive or of what each does.
    """
    zeros = google_crc32c.value(bytes(8))
    return np.array(
        [
            [google_crc32c.value(bytes(i) + bytes([v]) + bytes(7 - i)) ^ zeros for v in range(256)]
            for i in range(8)
        ],
        np.uint32,
    )
