"""Decoding of records without TensorFlow, against what tf.data gives."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.tools import read_records
from tfdata import DatasetError, load, load_manifest
from tfdata.examples import decode_example, read_examples


@pytest.fixture(scope="module")
def record(data_set):
    return next(iter(read_records(data_set, "train")))


def test_examples_are_those_of_tf_data_in_the_same_order(data_set):
    manifest = load_manifest(data_set)
    for split, content in manifest.splits.items():
        examples = list(read_examples(data_set, manifest, content.shards))
        assert len(examples) == content.pairs
        ((features, labels),) = load(data_set, split)
        images = np.stack([example.image for example in examples])
        np.testing.assert_array_equal(images, features["image"])
        spectrograms = np.stack([example.spectrogram for example in examples])
        np.testing.assert_array_equal(spectrograms[..., None], features["spectrogram"])
        expected = [manifest.people[example.identity].label for example in examples]
        np.testing.assert_array_equal(expected, labels)
        assert len({example.key for example in examples}) == len(examples)
        for example in examples:
            assert example.session in content.sessions[example.identity]
            assert example.window_start_samples >= 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": b"123"}, r"its image has 3 bytes where the shape \[16, 16, 3\] has 768"),
        ({"spectrogram": 5}, "it has no spectrogram"),
        ({"key": None}, "it has no key"),
        ({"identity": b"\xff"}, "can't decode"),
        ({"window_start_samples": b"0"}, "window_start_samples is not a number of samples"),
    ],
)
def test_a_record_of_another_layout_is_an_error(data_set, record, change, message):
    with pytest.raises(ValueError, match=message):
        decode_example({**record, **change}, load_manifest(data_set))


def test_shards_that_the_manifest_does_not_describe_are_an_error(data_set):
    manifest = load_manifest(data_set)
    shard = manifest.splits["test"].shards[0]
    with pytest.raises(DatasetError, match=r"record 1 of test-.* \(its image has 768 bytes"):
        list(read_examples(data_set, replace(manifest, image_shape=(4, 4, 3)), [shard]))
    more = replace(shard, records=shard.records + 1)
    with pytest.raises(DatasetError, match=rf"it has {shard.records} records instead of"):
        list(read_examples(data_set, manifest, [more]))


def test_decoding_needs_no_tensorflow():
    code = "import sys, tfdata.examples; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
