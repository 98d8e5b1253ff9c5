"""Small datasets for tests, and their records and images as arrays."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import SPLITS, encode_record
from tfdata.tfrecord import frame

SHAPE = (8, 8)


def array(record, name, *shape):
    return np.frombuffer(record[name], np.uint8).reshape(shape)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def write_data_set(folder, contents):
    """Writes a dataset of small arrays; `contents`: split to [(person, face, voice)]."""
    folder.mkdir()
    people = sorted({who for rows in contents.values() for who, *_ in rows})
    splits = {}
    for split in SPLITS:
        rows = contents.get(split, [])
        data = b"".join(
            frame(
                encode_record(
                    *(face, voice),
                    identity=who,
                    session="video",
                    key=f"{who} {split} {i}",
                    face_source="face",
                    audio_source="voice",
                    window_start_samples=0,
                )
            )
            for i, (who, face, voice) in enumerate(rows)
        )
        shards = (
            Shard(f"{split}.tfrecord", len(rows), len(data), hashlib.sha256(data).hexdigest()),
        )
        (folder / f"{split}.tfrecord").write_bytes(data)
        splits[split] = Split(len(rows), {who: ["video"] for who, *_ in rows}, shards[: len(rows)])
    pairs = {
        who: {split: sum(who == row[0] for row in contents.get(split, [])) for split in SPLITS}
        for who in people
    }
    manifest = Manifest(
        features={"image_size": 8, "bands": 8, "frames": 8},
        plan={},
        image_shape=(*SHAPE, 3),
        spectrogram_shape=SHAPE,
        people={who: Person(label, {}, pairs[who], 0) for label, who in enumerate(people)},
        splits=splits,
        without_pairs={},
        corpus=Corpus(1, 1, 1, 1.0),
        leakage={split: Leak(0, 0, 0) for split in SPLITS[1:]},
        rejects={},
        software={},
    )
    (folder / "dataset.json").write_text(manifest.to_json())
    return folder
