"""`facevoice.read`: the examples of `tfdata.load`, in any order, without TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import facevoice
import tfdata
from facevoice import random_access
from facevoice.random_access import build_index
from tests.recipes import recipe
from tfdata.errors import DatasetError

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "indices"


def arrays(examples):
    people = examples.manifest.people
    return [
        (e.image.tobytes(), e.spectrogram.tobytes(), people[e.identity].label) for e in examples
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_examples_are_those_of_load(data_set, split):
    expected = []
    for features, labels in tfdata.load(data_set, split):
        faces, voices = features["image"].numpy(), features["spectrogram"].numpy()
        expected += zip(map(bytes, faces), map(bytes, voices), labels.numpy(), strict=True)
    assert arrays(facevoice.read(data_set, split)) == expected


def test_any_order(data_set):
    examples = facevoice.read(str(data_set), "train")
    keys = [example.key for example in examples]
    assert len(keys) == len(examples) == len(set(keys))
    for number in (5, 0, np.int64(3), -1):
        assert examples[number].key == keys[number]
    assert [example.key for example in examples[-2:]] == keys[-2:]
    with pytest.raises(IndexError, match=f"example {len(keys)} of {len(keys)}"):
        examples[len(keys)]
    with ThreadPoolExecutor(4) as pool:
        assert [e.key for e in pool.map(examples.__getitem__, range(len(keys)))] == keys
    assert [example.key for example in pickle.loads(pickle.dumps(examples))] == keys


def test_few_shards_are_open_at_a_time(data_set, monkeypatch):
    monkeypatch.setattr(random_access, "MAX_OPEN_FILES", 1)
    examples = facevoice.read(data_set, "train")
    assert len(examples.manifest.splits["train"].shards) > 1
    for _ in range(2):
        assert len({example.key for example in examples}) == len(examples)
        assert len(examples._files) == 1


def test_a_file_stays_open_while_a_thread_reads_from_it(data_set, monkeypatch):
    """Another thread opens the same shard at the same time."""
    examples = facevoice.read(data_set, "train")
    read = os.pread

    def meanwhile(descriptor, length, offset):
        examples._files = {}
        os.close(os.open("/dev/null", os.O_RDONLY))  # takes the number of a file that was closed
        return read(descriptor, length, offset)

    monkeypatch.setattr(random_access.os, "pread", meanwhile)
    assert len({example.key for example in examples}) == len(examples)


def test_the_index_is_cached_by_the_manifest(data_set, cache, monkeypatch):
    keys = [example.key for example in facevoice.read(data_set, "test")]
    (path,) = cache.iterdir()
    monkeypatch.setattr(random_access, "build_index", None)  # is not called again
    assert [example.key for example in facevoice.read(data_set, "test")] == keys
    monkeypatch.undo()
    monkeypatch.setenv("FACEVOICE_CACHE", str(cache.parent))
    for damage in (b"", b"\x93NUMPY", path.read_bytes()[:-8] + bytes(8)):
        path.write_bytes(damage)
        assert [example.key for example in facevoice.read(data_set, "test")] == keys
    monkeypatch.setenv("FACEVOICE_CACHE", "/proc/nowhere")
    assert [example.key for example in facevoice.read(data_set, "test")] == keys


def test_damage_is_named(data_set, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(data_set, copy)
    examples = facevoice.read(copy, "train")
    path = copy / examples.manifest.splits["train"].shards[0].file
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="damaged in the record at byte 12: the checksum"):
        facevoice.read(copy, "train")[0]
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="damaged behind record 0"):
        build_index(copy, examples.manifest, "train")
    path.unlink()
    with pytest.raises(DatasetError, match="is missing"):
        examples[0]
    with pytest.raises(ValueError, match="split is 'dev'"):
        facevoice.read(copy, "dev")


def test_no_tensorflow_is_imported(data_set):
    code = (
        f"import sys, facevoice; print(len(facevoice.read({str(data_set)!r}, 'train')[0].image), "
        f"'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "16 False\n"


@pytest.mark.parametrize("package", ["torch", "grain"])
def test_recipes(package, data_set):
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    found = []
    for batch in recipe(package)["batches"](data_set, "train", 4):
        features, labels = batch if package == "torch" else (batch, batch["label"])
        faces, voices = np.asarray(features["image"]), np.asarray(features["spectrogram"])
        faces = np.moveaxis(faces, 1, -1) if package == "torch" else faces
        arrays_of = (map(np.ndarray.tobytes, each) for each in (faces, voices))
        found += zip(*arrays_of, map(int, labels), strict=True)
    assert found == arrays(facevoice.read(data_set, "train"))
