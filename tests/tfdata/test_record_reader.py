"""Reading shards without TensorFlow, compared with what TensorFlow writes, parses and refuses."""

from __future__ import annotations

import errno
import itertools
import struct
import subprocess
import sys

import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfdata import DatasetError, record_reader
from tfdata.manifest import Shard
from tfdata.record_reader import ShardLoss, read_records, salvage_records
from tfdata.tfrecord import frame, masked_crc, parse_example, serialize_example
from tfdata.tfrecord_recovery import scan

EXAMPLES = [
    {"b": b"\x00\xff" * 300, "empty": b"", "a": 5, "zero": 0, "large": 2**63 - 1, "minus": -3},
    {"identity": "Zoë".encode(), "image": bytes(range(256)) * 300, "start": -(2**63)},
    {},
]


def tensorflows(features):
    example = tf.train.Example()
    for name, value in features.items():
        feature = example.features.feature[name]
        values = feature.bytes_list if isinstance(value, bytes) else feature.int64_list
        values.value.append(value)
    return example.SerializeToString()


@pytest.fixture
def shard(tmp_path):
    """A shard of EXAMPLES as TensorFlow writes it."""
    path = tmp_path / "train-00000.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for features in EXAMPLES:
            writer.write(tensorflows(features))
    return path


def test_records_written_by_tensorflow_are_read(shard):
    assert list(read_records(shard)) == EXAMPLES


def test_a_serialized_example_is_parsed():
    for features in EXAMPLES:
        assert parse_example(serialize_example(features)) == features


def test_an_empty_shard_has_no_records(tmp_path):
    (tmp_path / "empty").touch()
    assert list(read_records(tmp_path / "empty")) == []


def test_an_integer_that_is_not_packed_is_read_as_tensorflow_reads_it():
    unpacked = bytes([0x08, 7])  # Int64List.value as a field of its own: number 1, a varint
    feature = bytes([0x1A, len(unpacked)]) + unpacked
    entry = b"\x0a\x01n" + bytes([0x12, len(feature)]) + feature
    features = bytes([0x0A, len(entry)]) + entry
    data = bytes([0x0A, len(features)]) + features
    reference = tf.train.Example.FromString(data).features.feature["n"].int64_list.value
    assert parse_example(data) == {"n": 7} == {"n": reference[0]}


def test_unknown_fields_of_an_example_are_skipped_as_in_tensorflow():
    # Numbers 5, 6, 7 and 8, as a varint, 8 bytes, 4 bytes and a byte string.
    strangers = b"\x28\x96\x01" + b"\x31" + bytes(8) + b"\x3d" + bytes(4) + b"\x42\x02hi"
    data = strangers + tensorflows(EXAMPLES[1])
    assert "image" in tf.train.Example.FromString(data).features.feature
    assert parse_example(data) == EXAMPLES[1]


@pytest.mark.parametrize("kind", ["two texts", "a float", "nothing"])
def test_a_feature_of_another_kind_is_refused_by_name(kind):
    example = tf.train.Example()
    feature = example.features.feature["odd"]
    if kind == "two texts":
        feature.bytes_list.value.extend([b"x", b"y"])
    if kind == "a float":
        feature.float_list.value.append(1.5)
    with pytest.raises(ValueError, match="'odd' is neither one byte string nor one int64"):
        parse_example(example.SerializeToString())


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (0, "the checksum of its length"),
        (8, "the checksum of its length"),
        (12, "the checksum of its data"),
        (-1, "the checksum of its data"),
    ],
)
def test_a_flipped_byte_in_any_field_is_found_and_named(shard, where, words):
    """In the second record: its length, checksum of the length, data, checksum of the data."""
    content = bytearray(shard.read_bytes())
    first, second = (len(frame(tensorflows(features))) for features in EXAMPLES[:2])
    content[first + where % second] ^= 0x10
    shard.write_bytes(content)
    read = read_records(shard)
    assert next(read) == EXAMPLES[0]
    with pytest.raises(DatasetError) as error:
        next(read)
    assert str(shard) in str(error.value)
    assert f"record 2, which begins at byte {first}: {words}" in str(error.value)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(shard)))


@pytest.mark.parametrize(("keep", "words"), [(5, "its length"), (11, "its length"), (40, "data")])
def test_a_truncated_shard_is_refused(shard, keep, words):
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=f"record 1, .* byte 0: the file ends within.*{words}"):
        list(read_records(shard))


def test_a_truncated_example_is_refused_as_in_tensorflow():
    data = tensorflows({"a": b"x" * 9, "n": -1})
    for end in range(1, len(data)):
        with pytest.raises(DecodeError):
            tf.train.Example.FromString(data[:end])
        with pytest.raises(ValueError, match="beyond its message"):
            parse_example(data[:end])


def test_a_length_beyond_the_file_allocates_no_memory(tmp_path):
    giant = struct.pack("<Q", 2**62)
    (tmp_path / "giant").write_bytes(giant + masked_crc(giant) + b"data")
    with pytest.raises(DatasetError, match="the file ends within its data"):
        list(read_records(tmp_path / "giant"))


def test_data_that_is_no_example_is_refused(tmp_path):
    (tmp_path / "other").write_bytes(frame(b"plain text"))
    with pytest.raises(DatasetError, match="record 1, which begins at byte 0"):
        list(read_records(tmp_path / "other"))


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere cannot be read: No such file"):
        list(read_records(tmp_path / "nowhere"))


def test_reading_needs_no_tensorflow():
    code = "import sys, tfdata.record_reader; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_disk_error_while_reading_is_named(shard, monkeypatch):
    def failing(file, size):
        yield from itertools.islice(scan(file, size), 2)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(record_reader, "scan", failing)
    read = read_records(shard)
    assert [next(read), next(read)] == EXAMPLES[:2]
    with pytest.raises(DatasetError, match=f"{shard} cannot be read: Input/output error"):
        next(read)
    losses = {}
    whole = list(salvage_records(shard, Shard(shard.name, 3, 0, ""), parse_example, losses))
    assert whole == list(map(tensorflows, EXAMPLES[:2]))
    assert losses == {shard.name: ShardLoss(1, 1)}
