"""Datasets of a few records, written without a build."""

from __future__ import annotations

import hashlib

import numpy as np

from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import encode_record
from tfdata.tfrecord import frame

PEOPLE = ("Ann", "Zoë")
PER_SHARD = {"train": (5, 3), "validation": (2,), "test": (2,)}


def record(who, split, number, **other):
    """A framed record of a person; sizes differ, and some arrays are zeros."""
    rng = np.random.default_rng([number, *split.encode(), *who.encode()])
    arrays = {
        "image": rng.integers(0, 256, (4, 4, 3), np.uint8) * (number % 3 > 0),
        "spectrogram": rng.integers(0, 256, (4, 4), np.uint8),
    }
    facts = {
        "identity": who,
        "session": f"{split} video",
        "key": f"{who} {split} {number}",
        "face_source": "face" * number,
        "audio_source": "audio",
        "window_start_samples": number,
    }
    return frame(encode_record(**(arrays | facts | other)))


def write_data_set(folder, people=PEOPLE):
    """Writes a dataset with shards of a few records, without a build."""
    folder.mkdir()
    splits = {}
    for split, sizes in PER_SHARD.items():
        shards = []
        for shard, size in enumerate(sizes):
            content = b"".join(
                record(who, split, 9 * shard + i) for i in range(size) for who in people
            )
            digest = hashlib.sha256(content).hexdigest()
            name = f"{split}-{shard:05d}-of-{len(sizes):05d}-{digest[:12]}.tfrecord"
            (folder / name).write_bytes(content)
            shards.append(Shard(name, size * len(people), len(content), digest))
        videos = {who: [f"{split} video"] for who in people}
        splits[split] = Split(sum(sizes) * len(people), videos, tuple(shards))
    pairs = {split: sum(sizes) for split, sizes in PER_SHARD.items()}
    manifest = Manifest(
        features={},
        plan={},
        image_shape=(4, 4, 3),
        spectrogram_shape=(4, 4),
        people={who: Person(label, {}, pairs, 0) for label, who in enumerate(people)},
        splits=splits,
        without_pairs={},
        corpus=Corpus(1, 1, 1, 1.0),
        leakage={split: Leak(2, 0, 0) for split in ("validation", "test")},
        rejects={},
        software={},
    )
    (folder / "dataset.json").write_text(manifest.to_json())
    return folder


# The records of the largest shard, and where each begins.
FRAMES = [record(who, "train", i) for i in range(5) for who in PEOPLE]
OFFSETS = [sum(map(len, FRAMES[:i])) for i in range(len(FRAMES))]


def replace(path, number, new):
    """Replaces the bytes of a record of the largest shard; numbers begin at 1."""
    path.write_bytes(b"".join([*FRAMES[: number - 1], new, *FRAMES[number:]]))
