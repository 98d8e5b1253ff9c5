"""The two byte formats of a shard, written without TensorFlow.

TFRecord framing: length (uint64, little-endian), masked CRC-32C of the length, data, masked
CRC-32C of the data (tensorflow/core/lib/io/record_writer.h). The data of each record is a
`tf.train.Example` in protocol-buffer wire format (tensorflow/core/example/example.proto); the
features are written in the order of their names, so equal examples are equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import google_crc32c

_LENGTH_DELIMITED = 2


def frame(data: bytes) -> bytes:
    """One TFRecord: the data between its length and its checksums."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


def encode_example(features: Mapping[str, bytes | int]) -> bytes:
    """A serialized `tf.train.Example` whose features are one byte string or one int64 each."""
    entries = []
    for name in sorted(features):
        entry = _delimited(1, name.encode()) + _delimited(2, _feature(features[name]))
        entries.append(_delimited(1, entry))  # Features.feature, a map entry
    return _delimited(1, b"".join(entries))  # Example.features


def _feature(value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        return _delimited(1, _delimited(1, value))  # Feature.bytes_list.value
    packed = _varint(value % 2**64)  # negative int64 as two's complement
    return _delimited(3, _delimited(1, packed))  # Feature.int64_list.value, packed


def _delimited(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
