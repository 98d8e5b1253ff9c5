"""Reads the records of a shard without TensorFlow: for the build, which does not have it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfdata.schema import DatasetError
from tfdata.tfrecord import decode_example, masked_crc

_LENGTH_BYTES, _CRC_BYTES = 8, 4


def read_records(path: Path) -> Iterator[dict[str, bytes | int]]:
    """The records of one shard, in their order; one at a time is in memory.

    Raises:
      DatasetError: the shard cannot be opened or is damaged; says in which record, at which byte.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise DatasetError(f"The shard {path} cannot be read: {error.strerror}.") from None
    with file:
        size = path.stat().st_size
        number = 0
        while (start := file.tell()) < size:
            number += 1
            try:
                record = decode_example(_read_data(file, size))
            except ValueError as error:
                raise DatasetError(
                    f"The shard {path} is damaged in record {number}, which begins at byte "
                    f"{start}: {error}; copy the data set again, or build it again."
                ) from None
            yield record


def _read_data(file: IO[bytes], size: int) -> bytes:
    """The data of the record that begins here, after its checks (see `tfrecord.frame`)."""
    head = file.read(_LENGTH_BYTES + _CRC_BYTES)
    length, length_crc = head[:_LENGTH_BYTES], head[_LENGTH_BYTES:]
    if len(head) < _LENGTH_BYTES + _CRC_BYTES:
        raise ValueError("the file ends within its length")
    if masked_crc(length) != length_crc:
        raise ValueError("the checksum of its length is wrong")
    (data_bytes,) = struct.unpack("<Q", length)
    # Asked before reading, so that no length can ask for more memory than the file has bytes.
    if data_bytes + _CRC_BYTES > size - file.tell():
        raise ValueError("the file ends within its data")
    data = file.read(data_bytes)
    if masked_crc(data) != file.read(_CRC_BYTES):
        raise ValueError("the checksum of its data is wrong")
    return data
