"""Writes and reads TFRecord framing and `tf.train.Example` messages without TensorFlow.

A TFRecord is length (uint64, little-endian), masked CRC-32C of the length, data, masked CRC-32C of
the data (tensorflow/core/lib/io/record_writer.h). The data is a `tf.train.Example` in the wire
format of protocol buffers (tensorflow/core/example/example.proto). Features are written in the
order of their names, so equal examples have equal bytes. Any form that the wire format allows can
be read (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache

import google_crc32c

_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5  # wire types
_PIECE_BYTES = 256  # read at a time to skip features: more than the name of a feature has


def frame(data: bytes) -> bytes:
    """Returns a TFRecord: the data with its length and checksums."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, masked_crc(length), data, masked_crc(data)))


def masked_crc(data: bytes) -> bytes:
    """Returns the checksum of the length or data of a TFRecord, as four bytes."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def serialize_example(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes a `tf.train.Example` whose features are one byte string or one int64 each."""
    entries = []
    for name in sorted(features):
        entry = _delimited(1, name.encode()) + _delimited(2, _feature(features[name]))
        entries.append(_delimited(1, entry))  # Features.feature, a map entry
    return _delimited(1, b"".join(entries))  # Example.features


def parse_example(data: bytes) -> dict[str, bytes | int]:
    """Parses a serialized `tf.train.Example` with one byte string or one int64 per feature.

    Raises:
      ValueError: the bytes are not such an example; a clause for an error message.
    """
    features: dict[str, bytes | int] = {}
    for part in _payloads(data, 1):  # Example.features
        for entry in _payloads(part, 1):  # Features.feature, a map entry
            name = b"".join(_payloads(entry, 1)).decode()
            features[name] = _value(name, b"".join(_payloads(entry, 2)))
    return features


def read_features(
    read: Callable[[int, int], bytes], length: int, names: Collection[str]
) -> dict[str, bytes | int]:
    """Reads some features of a serialized `tf.train.Example`, without the data of others.

    Args:
      read: called with an offset in the example and a number of bytes, returns the bytes.
      length: of the example, in bytes.
      names: of the features.

    Returns:
      Those of the features that the example has.

    Raises:
      ValueError: the bytes are not an example of `parse_example`; a clause for an error message.
    """
    found: dict[str, bytes | int] = {}
    try:
        _, at = _delimited_size(read(0, _PIECE_BYTES), 0)  # Example.features
        while at < length and len(found) < len(names):
            piece = read(at, _PIECE_BYTES)
            entry_size, start = _delimited_size(piece, 0)  # Features.feature, a map entry
            name_size, name_start = _delimited_size(piece, start)
            name = piece[name_start : name_start + name_size].decode()
            if at + start + entry_size > length:
                raise ValueError("a feature ends beyond its example")
            if name in names:
                value = b"".join(_payloads(read(at + start, entry_size), 2))
                found[name] = _value(name, value)
            at += start + entry_size
        if len(found) == len(names):
            return found
    except ValueError:
        pass  # other software may write the same in other forms
    features = parse_example(read(0, length))
    return {name: features[name] for name in names if name in features}


def _delimited_size(message: bytes, at: int) -> tuple[int, int]:
    """Returns the size of a field with number 1, and the offset of its payload."""
    key, at = _read_varint(message, at)
    if key != 1 << 3 | _LENGTH_DELIMITED:
        raise ValueError(f"the field {key} is not expected")
    return _read_varint(message, at)


def _feature(value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        return _delimited(1, _delimited(1, value))  # Feature.bytes_list.value
    packed = _varint(value % 2**64)  # negative int64 as two's complement
    return _delimited(3, _delimited(1, packed))  # Feature.int64_list.value, packed


def _delimited(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


@lru_cache(maxsize=1024)  # most values repeat from record to record
def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _value(name: str, feature: bytes) -> bytes | int:
    """Returns the one bytes_list.value or int64_list.value of a Feature, packed or not."""
    texts = [text for part in _payloads(feature, 1) for text in _payloads(part, 1)]
    numbers = [number for part in _payloads(feature, 3) for number in _int64s(part)]
    if len(texts) == 1 and not numbers:
        return texts[0]
    if len(numbers) == 1 and not texts:
        return numbers[0]
    raise ValueError(f"the feature {name!r} is neither one byte string nor one int64")


def _int64s(message: bytes) -> Iterator[int]:
    """Yields the values of an Int64List, packed (in one field) or not (one per field)."""
    for _, value in _fields(message):
        at, packed = 0, _varint(value) if isinstance(value, int) else value
        while at < len(packed):
            number, at = _read_varint(packed, at)
            yield number - 2**64 if number >= 2**63 else number


def _payloads(message: bytes, number: int) -> Iterator[bytes]:
    """Yields the length-delimited fields with a number; skips other fields."""
    return (value for found, value in _fields(message) if found == number and type(value) is bytes)


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yields number and value of each field of a message."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            length, at = _read_varint(message, at)
        elif wire_type in (_FIXED_64, _FIXED_32):
            length = 8 if wire_type == _FIXED_64 else 4
        else:
            raise ValueError(f"the wire type {wire_type} is unknown")
        if at + length > len(message):
            raise ValueError("a field ends beyond its message")
        yield number, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Returns a variable-length integer, and the offset behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            raise ValueError("a number ends beyond its message")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return value % 2**64, at
    raise ValueError("a number is longer than 64 bits")
