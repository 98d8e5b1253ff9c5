"""Scans a damaged shard for every intact record and every fault.

Both the length and the data of a record have a checksum (`tfrecord.frame`), so there are two kinds
of damage. If the length is intact and the data is not, the next record begins behind the data, or
at a header within it if bytes are missing. If the length is damaged, the scan continues at the next
twelve bytes that are a length and its checksum. One in 2**32 other places matches by chance, and
then the checksum of the data does not match. So every record with unchanged bytes is found, and no
changed record is returned.

The file is read, not memory-mapped: an error of the disk, or a file that another program truncates,
raises an exception, where a mapping would crash the interpreter.
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
_CHUNK_BYTES = 1 << 20  # size of the pieces that are searched for headers
_MAX_LOST_BYTES = 1 << 26  # a longer gap is not tested for being one record, to limit memory
# Data with a wrong checksum is searched for headers, whose lengths claim overlapping data. Damage
# makes few of them, but a crafted file may have many, and the time would grow with the square of
# its size. So once the claims sum up to this many times the file's size, lengths are trusted.
_MAX_CLAIMS = 8


class Record(NamedTuple):
    """An intact record.

    Attributes:
      number: from 1.
      counted: False after damage that destroyed an unknown number of records; then `number` is
        estimated from the mean size of records.
      offset: of the header, in bytes.
      data: without header and checksum.
    """

    number: int
    counted: bool
    offset: int
    data: bytes


class Fault(NamedTuple):
    """A damaged place; `reason` is a clause for an error message, the rest as in `Record`."""

    number: int
    counted: bool
    offset: int
    reason: str


def scan(file: IO[bytes], size: int) -> Iterator[Record | Fault]:
    """Yields the intact records and the faults of a shard, in stored order.

    At most one record and one chunk are in memory, and never more bytes than the file has.

    Args:
      file: open for reading; it is read from the beginning.
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
            if at != end and not _is_one_record(file, start, at):
                counted = False
                # As many records of the mean size so far as fit in the gap.
                number += max(0, round((at - start) * (number - 1) / max(1, start)) - 1)
        number += 1


def _read_frame(file: IO[bytes], start: int, size: int) -> tuple[int | None, bytes | None, str]:
    """Reads the frame at an offset.

    Returns:
      End offset of the frame, None if the length is damaged; its data, None if damaged; and the
      reason if there is no data.
    """
    file.seek(start)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None, None, "the file ends within its length"
    if masked_crc(header[:8]) != header[8:]:
        return None, None, "the checksum of its length is wrong"
    end = start + _FRAME_BYTES + struct.unpack_from("<Q", header)[0]
    # Checked before reading, so that a length cannot allocate more memory than the file has bytes.
    if end > size:
        return None, None, "the file ends within its data"
    data = file.read(end - start - _FRAME_BYTES)
    if masked_crc(data) != file.read(_CRC_BYTES):
        return end, None, "the checksum of its data is wrong"
    return end, data, ""


def _is_one_record(file: IO[bytes], start: int, end: int) -> bool:
    """Returns whether bytes are one record with intact data, of which only the length is bad."""
    if not _FRAME_BYTES <= end - start <= _MAX_LOST_BYTES:
        return False
    file.seek(start + _HEADER_BYTES)
    data = file.read(end - start - _FRAME_BYTES)
    return masked_crc(data) == file.read(_CRC_BYTES)


class _Headers:
    """Finds the headers of a file. Searches each chunk once if offsets ascend."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self._chunk, self._found = -1, np.zeros(0, np.int64)

    def next(self, at: int, stop: int) -> int:
        """Returns the first offset of a header from `at` on, or `stop` if none is before it."""
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
    """Returns the offsets of all lengths of up to `size` that their checksum follows."""
    used = max(1, (size.bit_length() + 7) // 8)  # bytes of a length that may be nonzero
    octets = np.frombuffer(content, np.uint8)
    count = max(0, len(octets) - _HEADER_BYTES + 1)
    columns = [octets[i : i + count] for i in range(_HEADER_BYTES)]
    fits = np.ones(count, bool)
    for column in columns[used:8]:
        fits &= column == 0
    # Twelve zeros are not a header, and disks fill damaged blocks with zeros.
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
    """Returns uint32 [8, 256]: what value v of byte i changes in the CRC-32C of eight zeros.

    A CRC is linear: the change by several bytes is the exclusive or of the changes by each.
    """
    zeros = google_crc32c.value(bytes(8))
    return np.array(
        [
            [google_crc32c.value(bytes(i) + bytes([v]) + bytes(7 - i)) ^ zeros for v in range(256)]
            for i in range(8)
        ],
        np.uint32,
    )
