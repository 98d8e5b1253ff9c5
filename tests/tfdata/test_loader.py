"""Input functions, the manifest and the byte formats, compared with TensorFlow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.tools import empty_split, read_records
from tfdata import DatasetError, ReadOptions, load, load_manifest, loader
from tfdata.tfrecord import frame, read_features, serialize_example

FEATURES = {"b": b"\x00\xff" * 300, "empty": b"", "a": 5, "zero": 0, "large": 2**62, "minus": -3}


@pytest.fixture
def copy(data_set, tmp_path):
    """A dataset that a test may damage."""
    return shutil.copytree(data_set, tmp_path / "copy")


def reference_example():
    example = tf.train.Example()
    for name, value in FEATURES.items():
        feature = example.features.feature[name]
        values = feature.bytes_list if isinstance(value, bytes) else feature.int64_list
        values.value.append(value)
    return example


def test_a_serialized_example_has_the_bytes_of_tensorflow():
    assert serialize_example(FEATURES) == reference_example().SerializeToString(deterministic=True)


def test_no_more_is_read_than_an_example_has_though_a_length_is_damaged():
    data = bytearray(serialize_example(FEATURES))
    sizes = []

    def read(at, size):
        sizes.append(size)
        return bytes(data[at : at + size])

    assert read_features(read, len(data), ("b", "minus")) == {
        name: FEATURES[name] for name in ("b", "minus")
    }
    at = data.index(b"\x0a\x01b") - 1  # the last byte of the length of the entry of "b"
    data[at] = 0x7F
    with pytest.raises(ValueError, match="ends beyond"):
        read_features(read, len(data), ("b",))
    assert max(sizes) <= len(data)


def test_a_framed_record_has_the_bytes_of_tensorflow(tmp_path):
    path = str(tmp_path / "reference.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for data in (b"", b"x", b"y" * 70_000):
            writer.write(data)
    ours = b"".join(map(frame, (b"", b"x", b"y" * 70_000)))
    assert ours == (tmp_path / "reference.tfrecord").read_bytes()


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_pair_is_read_as_it_was_written(data_set, split):
    manifest = load_manifest(data_set)
    written = list(read_records(data_set, split))
    row = 0
    for features, labels in load(data_set, split, "pair", ReadOptions(batch_size=4)):
        assert features["image"].dtype == features["spectrogram"].dtype == tf.uint8
        for i, label in enumerate(labels.numpy()):
            record = written[row]
            assert features["image"][i].numpy().tobytes() == record["image"]
            assert features["spectrogram"][i, ..., 0].numpy().tobytes() == record["spectrogram"]
            assert manifest.people[record["identity"].decode()].label == label
            row += 1
    assert row == len(written) == manifest.splits[split].pairs


@pytest.mark.parametrize(
    ("drop_remainder", "augment"),
    [
        (True, False),
        pytest.param(False, True, marks=pytest.mark.slow),
        pytest.param(True, True, marks=pytest.mark.slow),
    ],
)
def test_batches_do_not_depend_on_the_size_of_parsed_pieces(
    data_set, drop_remainder, augment, monkeypatch
):
    options = ReadOptions(batch_size=8, drop_remainder=drop_remainder, augment=augment, epochs=2)
    whole = list(load(data_set, "train", "pair", options))
    for piece_bytes in (1, 2500):  # one of the 18 records, and two
        monkeypatch.setattr(loader, "PIECE_BYTES", piece_bytes)
        sizes = []
        for (features, labels), (expected, answers) in zip(
            load(data_set, "train", "pair", options), whole, strict=True
        ):
            for name in expected:
                np.testing.assert_array_equal(features[name], expected[name])
            np.testing.assert_array_equal(labels, answers)
            sizes.append(len(labels))
        assert sizes == 2 * ([8, 8] if drop_remainder else [8, 8, 2])


def test_a_piece_has_the_same_examples_from_any_batch_on(data_set, monkeypatch):
    def repeat_first(arrays, rng, floor_db):
        return {"image": tf.zeros_like(arrays["image"]) + arrays["image"][:1]}

    shards = load_manifest(data_set).splits["train"].shards
    record_bytes = sum(shard.bytes for shard in shards) / sum(shard.records for shard in shards)
    monkeypatch.setattr(loader, "PIECE_BYTES", 4.5 * record_bytes)
    options = ReadOptions(batch_size=6, augment=repeat_first)
    whole = [images for images, _ in load(data_set, "train", "image", options)]
    rest = [images for images, _ in load(data_set, "train", "image", replace(options, skip=6))]
    np.testing.assert_array_equal(np.concatenate(rest), np.concatenate(whole[1:]))
    assert len(np.unique(whole[0], axis=0)) == 2


@pytest.mark.parametrize("shuffle_buffer", [0, 5])
def test_the_batch_size_is_static_if_the_remainder_is_dropped(data_set, shuffle_buffer):
    options = ReadOptions(7, drop_remainder=True, shuffle_buffer=shuffle_buffer)
    assert load(data_set, "train", "image", options).element_spec[0].shape[0] == 7


@pytest.mark.parametrize(
    ("modality", "name", "shape"),
    [("image", "image", (None, 16, 16, 3)), ("audio", "spectrogram", (None, 16, 8, 1))],
)
def test_one_modality_alone_is_that_part_of_the_pair(data_set, modality, name, shape):
    single = load(data_set, "train", modality)
    assert tuple(single.element_spec[0].shape) == shape
    for (alone, label), (pair, same) in zip(single, load(data_set, "train"), strict=True):
        np.testing.assert_array_equal(alone, pair[name])
        np.testing.assert_array_equal(label, same)


def test_the_number_of_batches_is_known_before_reading(data_set):
    assert load(data_set, "train", "image", ReadOptions(5)).cardinality() == 4  # 18 pairs


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"has no dataset\.json"):
        load(tmp_path, "train")
    with pytest.raises(DatasetError, match="does not exist"):
        load(tmp_path / "nowhere", "train")


def test_a_missing_shard_is_named(copy):
    shard = next(copy.glob("train-*"))
    shard.unlink()
    with pytest.raises(DatasetError, match=f"{shard.name} is missing"):
        load(copy, "train")


def test_a_cut_shard_is_named_with_both_sizes(copy):
    shard = next(copy.glob("train-*"))
    size = shard.stat().st_size
    with shard.open("r+b") as file:
        file.truncate(size - 1)
    with pytest.raises(DatasetError, match=f"{size - 1} bytes where the manifest says {size}"):
        load(copy, "train")


def edit(data_set, change):
    path = data_set / "dataset.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def test_a_manifest_of_another_version_is_refused(copy):
    edit(copy, lambda fields: fields.update(format_version=99))
    with pytest.raises(DatasetError, match="version 99 and this software reads version 1"):
        load(copy, "train")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "other"}', "\x00"])
def test_what_is_not_a_manifest_is_refused(copy, text):
    (copy / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        load(copy, "train")


@pytest.mark.parametrize("field", ["people", "splits", "image_shape", "features"])
def test_a_manifest_that_lacks_a_field_is_refused(copy, field):
    edit(copy, lambda fields: fields.pop(field))
    with pytest.raises(DatasetError, match=field):
        load(copy, "train")


def test_an_empty_split_is_refused(copy):
    edit(copy, lambda fields: empty_split(fields, "test"))
    with pytest.raises(DatasetError, match="The test split"):
        load(copy, "test")


def test_unknown_splits_modalities_and_invalid_options_are_refused(data_set):
    with pytest.raises(ValueError, match="dev"):
        load(data_set, "dev")
    with pytest.raises(ValueError, match="video"):
        load(data_set, "train", "video")
    with pytest.raises(ValueError, match="batch_size is 0"):
        ReadOptions(batch_size=0)
    with pytest.raises(ValueError, match="shuffle_buffer is -1"):
        ReadOptions(shuffle_buffer=-1)


def test_a_manifest_survives_being_written_and_read(data_set):
    manifest = load_manifest(data_set)
    assert manifest.to_json() == (data_set / "dataset.json").read_text()


def test_the_schema_needs_no_tensorflow():
    code = "import sys, tfdata.schema; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
