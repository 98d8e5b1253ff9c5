"""Datasets for tests of the card."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.settings import PlanSettings
from facevoice.features import FeatureSettings
from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import SPLITS, encode_record
from tfdata.tfrecord import frame

FEATURES = FeatureSettings(image_size=16, bands=24, frames=32, window_seconds=0.5, fft_size=256)
PLAN = PlanSettings(num_shards=4)
PAIRS = {"train": 4, "validation": 1, "test": 1}


def names_of(count):
    return [f"Person_{i:04d}" for i in range(count)]


def manifest_of(names, pairs=PAIRS, **changes):
    """A manifest of people with one video in each split; without shards."""
    total = {split: len(names) * pairs[split] for split in SPLITS}
    manifest = Manifest(
        features=dataclasses.asdict(FEATURES),
        plan={k: v for k, v in dataclasses.asdict(PLAN).items() if k != "exclude"},
        image_shape=FEATURES.image_shape,
        spectrogram_shape=FEATURES.spectrogram_shape,
        people={name: Person(label, {}, dict(pairs), 0) for label, name in enumerate(names)},
        splits={
            split: Split(total[split], {n: [f"{n}-{split}"] for n in names if pairs[split]}, ())
            for split in SPLITS
        },
        without_pairs={},
        corpus=Corpus(len(names) * 3, len(names) * 9, len(names) * 7, len(names) * 60.0),
        leakage={split: Leak(total[split], 0, 0) for split in SPLITS[1:]},
        rejects={},
        software={"numpy": "1.26.4"},
    )
    return dataclasses.replace(manifest, **changes)


def arrays_of(key):
    draw = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
    return draw.integers(0, 256, FEATURES.image_shape, np.uint8), draw.integers(
        0, 256, FEATURES.spectrogram_shape, np.uint8
    )


def write_set(folder, manifest):
    """Writes the records of a manifest where a build puts them; returns it with its shards."""
    splits = {}
    for split, described in manifest.splits.items():
        content = {}
        for i in range(max(person.pairs[split] for person in manifest.people.values())):
            for name, (session,) in described.sessions.items():
                key = f"{name} {split} {i}"
                image, levels = arrays_of(key)
                record = encode_record(
                    image,
                    levels,
                    identity=name,
                    session=session,
                    key=key,
                    face_source="f",
                    audio_source="a",
                    window_start_samples=8000 * i,
                )
                index = rank(PLAN.seed, "shard", name, session) % PLAN.num_shards
                content.setdefault(index, []).append(frame(record))
        shards = []
        for index, frames in sorted(content.items()):
            file = f"{split}-{index:05d}-of-{PLAN.num_shards:05d}-0123456789ab.tfrecord"
            (folder / file).write_bytes(b"".join(frames))
            shards.append(Shard(file, len(frames), sum(map(len, frames)), "0" * 64))
        splits[split] = dataclasses.replace(described, shards=tuple(shards))
    manifest = dataclasses.replace(manifest, splits=splits)
    (folder / "dataset.json").write_text(manifest.to_json(), encoding="utf-8")
    return manifest
