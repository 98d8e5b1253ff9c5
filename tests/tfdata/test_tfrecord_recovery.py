"""Scanning a damaged shard: intact records are returned, faults are reported."""

from __future__ import annotations

import io
import random
import struct
import time

import pytest

from tfdata import tfrecord_recovery
from tfdata.tfrecord import frame, masked_crc
from tfdata.tfrecord_recovery import Fault, Record, find_headers, scan

# Of unlike sizes; one empty, one of zeros, one with lengths and framed records within it.
DATA = [
    bytes(range(256)),
    b"",
    bytes(300),
    struct.pack("<Q", 5) * 20,
    b"x" * 1000,
    b"last",
]
FRAMES = list(map(frame, DATA))
OFFSETS = [sum(map(len, FRAMES[:i])) for i in range(len(FRAMES))]
WHOLE = b"".join(FRAMES)


def walked(content):
    return list(scan(io.BytesIO(content), len(content)))


def data_of(items):
    return [item.data for item in items if isinstance(item, Record)]


def faults_of(items):
    return [item for item in items if isinstance(item, Fault)]


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def test_an_intact_shard_gives_its_records_with_their_offsets():
    assert walked(WHOLE) == [Record(i + 1, True, OFFSETS[i], data) for i, data in enumerate(DATA)]


def test_an_empty_file_has_neither_records_nor_faults():
    assert walked(b"") == []


@pytest.mark.parametrize("chunk_bytes", [13, 64, 1 << 20])
def test_any_flipped_byte_loses_one_record_and_is_reported(chunk_bytes, monkeypatch):
    monkeypatch.setattr(tfrecord_recovery, "_CHUNK_BYTES", chunk_bytes)
    for at in range(0, len(WHOLE), 1 if chunk_bytes > 64 else 5):
        hit = max(i for i, offset in enumerate(OFFSETS) if offset <= at)
        items = walked(flipped(WHOLE, at))
        assert data_of(items) == DATA[:hit] + DATA[hit + 1 :]
        (fault,) = faults_of(items)
        field = "length" if at < OFFSETS[hit] + 12 else "data"
        assert fault == Fault(hit + 1, True, OFFSETS[hit], f"the checksum of its {field} is wrong")
        # Those behind it have their right numbers, too.
        assert all(item.offset == OFFSETS[item.number - 1] and item.counted for item in items)


def test_truncation_loses_the_truncated_record():
    for size in range(len(WHOLE)):
        items = walked(WHOLE[:size])
        whole = [i for i, f in enumerate(FRAMES) if OFFSETS[i] + len(f) <= size]
        assert data_of(items) == [DATA[i] for i in whole]
        faults = faults_of(items)
        assert len(faults) == (size not in OFFSETS)
        assert all(fault.reason.startswith("the file ends within its") for fault in faults)


def test_bytes_missing_from_a_record_do_not_lose_the_next():
    """The length then ends within another record, or exactly at the end of one."""
    first = FRAMES[4]
    for missing in range(1, len(first) - 12):
        content = first[:12] + first[12 + missing :] + b"".join(FRAMES) + first
        items = walked(content)
        assert data_of(items) == [*DATA, DATA[4]]
        assert faults_of(items)


def test_bytes_between_records_are_a_fault_and_lose_no_record():
    for stranger in (b"?", bytes(100), b"\xff" * 5000, FRAMES[4][:500]):
        items = walked(FRAMES[0] + stranger + b"".join(FRAMES[1:]))
        assert data_of(items) == DATA
        assert faults_of(items)[0].offset == OFFSETS[1]


def test_record_numbers_after_a_gap_are_estimated_from_its_size():
    frames = [frame(bytes([i]) * (1000 + i % 3)) for i in range(40)]
    lost = sum(map(len, frames[10:25]))
    content = b"".join(frames[:10]) + bytes(lost) + b"".join(frames[25:])
    items = walked(content)
    (fault,) = faults_of(items)
    assert (fault.number, fault.counted) == (11, True)
    numbers = [*range(1, 11), *range(26, 41)]
    assert [item.number for item in items if isinstance(item, Record)] == numbers
    assert [item.counted for item in items] == [True] * 11 + [False] * 15


def test_a_length_beyond_the_file_allocates_no_memory():
    giant = struct.pack("<Q", 2**62)
    items = walked(giant + masked_crc(giant) + WHOLE)
    assert data_of(items) == DATA
    assert faults_of(items) == [Fault(1, True, 0, "the file ends within its data")]


def test_headers_are_found_wherever_a_length_has_its_checksum():
    rng = random.Random(0)
    for size in (200, 70_000, 2**24, 2**40, 2**63):
        lengths = [0, 1, 255, size, *(rng.randrange(size) for _ in range(50))]
        content, places = b"", []
        for length in lengths:
            content += rng.randbytes(rng.randrange(20))
            places.append(len(content))
            packed = struct.pack("<Q", length)
            content += packed + masked_crc(packed)
        assert find_headers(content, size).tolist() == places
    assert find_headers(bytes(11), 100).tolist() == []


@pytest.mark.parametrize("pattern", [b"\0", b"\xff", struct.pack("<Q", 1)])
def test_a_damaged_block_of_megabytes_takes_no_more_than_seconds(pattern):
    content = FRAMES[0] + pattern * (16 * 10**6 // len(pattern)) + FRAMES[4]
    started = time.process_time()
    assert data_of(walked(content)) == [DATA[0], DATA[4]]
    assert time.process_time() - started < 20  # 1 s, where nothing else runs


def test_a_file_of_headers_only_takes_no_more_than_seconds():
    """Each claims a megabyte: checking all of them would read 170 GB."""
    length = struct.pack("<Q", 10**6)
    content = FRAMES[0] + (length + masked_crc(length)) * (2 * 10**6 // 12)
    started = time.process_time()
    assert data_of(walked(content)) == [DATA[0]]
    assert time.process_time() - started < 20


def test_a_file_that_shrinks_while_it_is_read_ends_there():
    items = list(scan(io.BytesIO(WHOLE[:-400]), len(WHOLE)))
    assert data_of(items) == DATA[:4]
    assert faults_of(items)
