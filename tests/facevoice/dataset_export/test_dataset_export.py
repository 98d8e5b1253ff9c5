"""`facevoice export-dataset`: every example of each format is that of `tfdata.load`."""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import tfdata
from facevoice.commands.export_dataset import main
from facevoice.dataset_export.parquet import parquet_schema
from facevoice.dataset_export.rows import facts
from facevoice.dataset_export.tfds import features_json
from tests.tools import files_of
from tfdata.examples import Example
from tfdata.manifest import Encoder
from tfdata.schema import DetectedFace, Embeddings

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def expected(data_set):
    """Split to (face, spectrogram, label) of each example, as bytes."""
    found = {}
    for split in SPLITS:
        found[split] = []
        for features, labels in tfdata.load(data_set, split):
            faces, voices = features["image"].numpy(), features["spectrogram"].numpy()
            found[split] += zip(map(bytes, faces), map(bytes, voices), labels.numpy(), strict=True)
    return found


@pytest.fixture
def export(data_set, tmp_path):
    def run(kind, output=tmp_path / "out"):
        assert main([f"--data={data_set}", f"--to={kind}", f"--output={output}"]) == 0
        return output

    return run


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def needs(package):
    return pytest.mark.skipif(
        not importlib.util.find_spec(package), reason=f"{package} is not installed"
    )


def test_webdataset(export, expected, tmp_path):
    folder = export("webdataset")
    for split in SPLITS:
        found, names = [], []
        for path in sorted(folder.glob(f"{split}-*.tar")):
            with tarfile.open(path) as tar:
                files = {entry.name: tar.extractfile(entry).read() for entry in tar}
            for name in files:
                number, _, extension = name.partition(".")
                if extension != "image.png":
                    continue
                names.append(int(number))
                values = json.loads(files[f"{number}.json"])
                levels = np.load(io.BytesIO(files[f"{number}.spectrogram.npy"]))
                assert levels.shape == (16, 8)
                found.append((bytes(pixels(files[name])), bytes(levels), values["label"]))
        assert found == expected[split]
        assert names == list(range(len(found)))
    assert files_of(export("webdataset", tmp_path / "again")) == files_of(folder)


def test_parquet(export, expected):
    folder = export("parquet")
    for split in SPLITS:
        found = []
        for path in sorted(folder.glob(f"{split}-*.parquet")):
            table = pq.read_table(path)
            features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
            assert features.keys() == set(table.column_names)
            for row in table.to_pylist():
                face, levels = row["image"]["bytes"], np.array(row["spectrogram"], np.uint8)
                found.append((bytes(pixels(face)), bytes(levels), row["label"]))
                assert features["label"]["names"][row["label"]] == row["identity"]
        assert found == expected[split]


def test_tfds_files(export, data_set):
    folder = export("tfds")
    info = json.loads((folder / "dataset_info.json").read_text())
    manifest = tfdata.load_manifest(data_set)
    for said in info["splits"]:
        shards = manifest.splits[said["name"]].shards
        count = len(said["shardLengths"])
        assert said["shardLengths"] == [str(shard.records) for shard in shards]
        for number, shard in enumerate(shards):
            link = folder / f"facevoice-{said['name']}.tfrecord-{number:05d}-of-{count:05d}"
            assert link.samefile(data_set / shard.file)
    features = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
    assert features["image"]["tensor"]["shape"]["dimensions"] == ["16", "16", "3"]
    assert features.keys() == manifest.describe_record()["features"].keys()
    before = files_of(data_set)
    export("tfds")  # again, over the links
    assert files_of(data_set) == before


def test_optional_features(data_set):
    """A row has the optional features that the manifest describes, and a column for each."""
    from dataclasses import replace

    manifest = tfdata.load_manifest(data_set)
    features = {
        **manifest.features,
        "face_detector": "blazeface",
        "voice_activity": "silero",
        "frames_per_second": 1.0,
    }
    encoder = Encoder("dlib_resnet", "1", "d", 3)
    manifest = replace(manifest, features=features, encoders={"image": encoder, "audio": encoder})
    vector = np.array([0, 0.5, 1], np.float32)
    box, points = np.zeros(4, np.float32), np.ones((6, 2), np.float32)
    example = Example(
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((16, 8), np.uint8),
        *(next(iter(manifest.people)), "video", "key", "a.jpg", "a.wav", 0),
        face=DetectedFace(box, points, 0.5),
        speech_share=0.75,
        embeddings=Embeddings(vector, vector),
    )
    found = facts(example, manifest)
    schema = parquet_schema(manifest)
    assert {*found, "image", "spectrogram"} == set(schema.names)
    assert found["face_points"] == [[1.0, 1.0]] * 6
    assert found["face_time_seconds"] is None
    assert found["image_embedding"] == [0, 0.5, 1]
    assert found["image_embedding_centred"] == 0
    import pyarrow as pa

    row = {**found, "image": None, "spectrogram": list(example.spectrogram)}
    pa.Table.from_pylist([row], schema)  # the types fit
    tfds_features = features_json(manifest)["featuresDict"]["features"]
    assert tfds_features["face_score"]["tensor"] == {
        "dtype": "float32",
        "encoding": "bytes",
        "shape": {},
    }
    assert "face_time_seconds" not in tfds_features  # is in some records only


@pytest.mark.parametrize("place", ["", "inside", ".."])
def test_the_output_is_apart_from_the_dataset(place, data_set, capsys):
    before = files_of(data_set)
    assert main([f"--data={data_set}", "--to=tfds", f"--output={data_set / place}"]) == 1
    assert "outside of it" in capsys.readouterr().err
    assert files_of(data_set) == before


def test_other_directories_are_kept(data_set, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main([f"--data={data_set}", "--to=parquet", f"--output={tmp_path}"]) == 1
    assert "contains mine.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_another_dataset_is_not_an_earlier_export(data_set, tmp_path, capsys):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(data_set, other)
    assert main([f"--data={data_set}", "--to=parquet", f"--output={other}"]) == 1
    assert "is not an earlier export" in capsys.readouterr().err
    assert files_of(other) == files_of(data_set)


@needs("datasets")
@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
def test_hugging_face(kind, export, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    folder, suffix = export(kind), ".tar" if kind == "webdataset" else ".parquet"
    files = {split: f"{folder}/{split}-*{suffix}" for split in SPLITS}
    loaded = datasets.load_dataset(kind, data_files=files, cache_dir=str(tmp_path / "cache"))
    for split in SPLITS:
        found = []
        for row in loaded[split]:
            if kind == "webdataset":
                row = {
                    "image": row["image.png"],
                    "spectrogram": row["spectrogram.npy"],
                    **row["json"],
                }
            levels = np.array(row["spectrogram"], np.uint8)
            found.append((bytes(np.asarray(row["image"])), bytes(levels), row["label"]))
        assert found == expected[split]


@needs("tensorflow_datasets")
def test_tensorflow_datasets(export, expected, data_set):
    import tensorflow_datasets as tfds

    people = tfdata.load_manifest(data_set).people
    builder = tfds.builder_from_directory(export("tfds"))
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    for split in SPLITS:
        rows = tfds.as_numpy(builder.as_dataset(split, read_config=in_order))
        found = [
            (bytes(row["image"]), bytes(row["spectrogram"]), people[row["identity"].decode()].label)
            for row in rows
        ]
        assert found == expected[split]
