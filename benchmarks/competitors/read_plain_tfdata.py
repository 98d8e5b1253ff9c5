"""Reads TFRecords with tf.data as in its tutorials.

Records follow https://www.tensorflow.org/tutorials/load_data/tfrecord; interleave, map and prefetch
with AUTOTUNE follow https://www.tensorflow.org/guide/data_performance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import read_common
import tensorflow as tf
from numpy.typing import NDArray

LAYOUT = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "spectrogram": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


def write(folder: Path, count: int, image_size: int) -> None:
    pairs = list(read_common.synthetic_pairs(count, image_size))
    for number in range(read_common.SHARDS):
        with tf.io.TFRecordWriter(str(folder / f"pairs-{number:05d}.tfrecord")) as writer:
            for pair in pairs[number :: read_common.SHARDS]:
                writer.write(example_of(pair).SerializeToString())
    (folder / "image_size").write_text(str(image_size))


def example_of(pair: read_common.Pair) -> tf.train.Example:
    def bytes_feature(array: NDArray[np.uint8]) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[array.tobytes()]))

    features = {
        "image": bytes_feature(pair.image),
        "spectrogram": bytes_feature(pair.spectrogram),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[pair.label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def epochs(folder: Path, modality: str, shuffled: bool) -> read_common.Epochs:
    image_size = int((folder / "image_size").read_text())
    shapes = {
        "image": (image_size, image_size, 3),
        "spectrogram": (*read_common.SPECTROGRAM_SHAPE, 1),
    }
    wanted = read_common.select(modality, "image", "spectrogram")
    layout = {name: LAYOUT[name] for name in (*wanted, "label")}

    def parse(record: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        parsed = tf.io.parse_single_example(record, layout)
        arrays = (
            tf.reshape(tf.io.decode_raw(parsed[name], tf.uint8), shapes[name]) for name in wanted
        )
        return tuple(arrays), parsed["label"]

    pattern = str(folder / "*.tfrecord")
    files = tf.data.Dataset.list_files(pattern, shuffle=shuffled)
    if shuffled:
        records = files.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE)
        records = records.shuffle(read_common.SHUFFLE_BUFFER)
    else:
        records = tf.data.TFRecordDataset(files)
    examples = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    return examples.batch(read_common.BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    read_common.serve(epochs, write)
