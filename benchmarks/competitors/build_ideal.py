"""Builds with FaceVoice's kernels, two processes and TensorFlow's writer only.

It does not plan, resume, compute digests or replace broken files: a lower bound of the build time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import build_common
from build_common import Pair
from protocol import serve

WORKERS, SHARDS = 2, 24  # FaceVoice writes 24: 8 per split


def build(
    faces: Path, audio: Path, pairs: int, output: Path, face_detector: str = "none"
) -> dict[str, Any]:
    pairs_to_write = build_common.pairs_of(faces, audio)
    shards = [(output / f"{i:05d}.tfrecord", pairs_to_write[i::SHARDS]) for i in range(SHARDS)]
    with Pool(WORKERS) as pool:
        write = partial(write_shard, face_detector=face_detector)
        if sum(pool.imap_unordered(write, shards)) != pairs:
            raise ValueError("pairs are missing")
    return {}


def write_shard(shard: tuple[Path, list[Pair]], face_detector: str) -> int:
    import tensorflow as tf  # in the workers only: TensorFlow may hang after a fork

    from facevoice.features import FeatureSettings, read_face, read_window, spectrogram

    def feature(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    settings = FeatureSettings(face_detector=face_detector)
    path, pairs = shard
    with tf.io.TFRecordWriter(str(path)) as writer:
        for identity, image, clip in pairs:
            face = read_face(image, settings)
            levels = spectrogram(read_window(clip, 0, settings), settings)
            features = {
                "image": feature(face.tobytes()),
                "spectrogram": feature(levels.tobytes()),
                "identity": feature(identity.encode()),
                "key": feature(f"{image}|{clip}".encode()),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return len(pairs)


def arrays(output: Path) -> Iterator[bytes]:
    import tensorflow as tf

    for shard in output.glob("*.tfrecord"):
        for record in tf.data.TFRecordDataset(str(shard)).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            yield from (features[name].bytes_list.value[0] for name in ("image", "spectrogram"))


if __name__ == "__main__":
    serve(build_common.tasks(build, arrays))
