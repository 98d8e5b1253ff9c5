"""Reads with `tfdata.load`; writes shards and a manifest as a build does."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import read_common
import tensorflow as tf

import tfdata
from facevoice.features import FeatureSettings
from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import MANIFEST_NAME, encode_record
from tfdata.tfrecord import frame


def write(folder: Path, count: int, image_size: int) -> None:
    """Writes a dataset; pairs are assigned to shards in turn."""
    pairs = list(enumerate(read_common.synthetic_pairs(count, image_size)))
    shards = tuple(
        write_shard(folder, pairs[number :: read_common.SHARDS], number)
        for number in range(read_common.SHARDS)
    )
    manifest = manifest_of(shards, FeatureSettings(image_size=image_size))
    (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")


def write_shard(folder: Path, pairs: list[tuple[int, read_common.Pair]], number: int) -> Shard:
    name = f"train-{number:05d}-of-{read_common.SHARDS:05d}.tfrecord"
    content, size = hashlib.sha256(), 0
    with (folder / name).open("wb") as file:
        for key, pair in pairs:
            framed = frame(record_of(key, pair))
            content.update(framed)
            size += file.write(framed)
    return Shard(name, len(pairs), size, content.hexdigest())


def record_of(number: int, pair: read_common.Pair) -> bytes:
    """Encodes a record with names as long as VoxCeleb's."""
    session = session_of(number)
    return encode_record(
        pair.image,
        pair.spectrogram,
        identity=identity(pair.label),
        session=session,
        key=key_of(number, pair),
        face_source=f"{key_of(number, pair)}.jpg",
        audio_source=f"id{pair.label + 10270}/{session}/{number:05d}.wav",
        window_start_samples=0,
    )


def key_of(number: int, pair: read_common.Pair) -> str:
    return f"{identity(pair.label)}/1.6/{session_of(number)}/{number:07d}"


def session_of(number: int) -> str:
    return f"video_{number % 10:05d}"


def identity(label: int) -> str:
    return f"Made_Person_{label:02d}"


def manifest_of(shards: tuple[Shard, ...], settings: FeatureSettings) -> Manifest:
    count = sum(shard.records for shard in shards)
    by_label = Counter(number % read_common.PEOPLE for number in range(count))
    sessions: dict[str, list[str]] = {}
    for number in range(count):
        videos = sessions.setdefault(identity(number % read_common.PEOPLE), [])
        if (video := session_of(number)) not in videos:
            videos.append(video)
    no_pairs = dict.fromkeys(("validation", "test"), 0)
    people = {
        identity(label): Person(label, {}, {"train": by_label[label], **no_pairs}, 0)
        for label in range(read_common.PEOPLE)
    }
    return Manifest(
        features=asdict(settings),
        plan={},
        image_shape=settings.image_shape,
        spectrogram_shape=settings.spectrogram_shape,
        people=people,
        splits={"train": Split(count, sessions, shards)}
        | dict.fromkeys(("validation", "test"), Split(0, {}, ())),
        without_pairs={},
        corpus=Corpus(0, 0, 0, 0.0),
        leakage=dict.fromkeys(("validation", "test"), Leak(0, 0, 0)),
        rejects={},
        software={},
    )


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    buffer = read_common.SHUFFLE_BUFFER if shuffled else 0
    options = tfdata.ReadOptions(read_common.BATCH_SIZE, shuffle_buffer=buffer)
    return Batches(tfdata.load(folder, "train", modality, options))


class Batches:
    """Iterates over the batches of a dataset; the arrays of a pair are in a list."""

    def __init__(self, dataset: tf.data.Dataset) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[tuple[Sequence[tf.Tensor], tf.Tensor]]:
        for features, labels in self._dataset:
            arrays = features.values() if isinstance(features, dict) else [features]
            yield list(arrays), labels


if __name__ == "__main__":
    read_common.serve(epochs, write)
