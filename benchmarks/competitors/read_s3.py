"""Reads a dataset in S3 by two ways: through verified copies, or directly by TensorFlow.

'copies' is `tfdata.load`. 'direct' is the same pipeline on the URLs of the shards, which
tensorflow-io's file system opens; the workers of a tf.data service read in this way.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import protocol
import tensorflow as tf
from read_common import BATCH_SIZE, SHUFFLE_BUFFER
from read_facevoice import write

import tfdata
from tfdata import loader
from tfdata.manifest import Manifest
from tfdata.shuffling import RecordSource
from tfdata.sources import file_source
from tfdata.storage.tensorflow_files import tensorflow_paths


def read(url: str, way: str, epochs: int) -> dict[str, Any]:
    """Reads epochs in shuffled order; returns the seconds of each, and a digest of the first."""
    seconds = []
    started = time.perf_counter()
    with mock.patch.object(loader, "_source", SOURCES[way]):
        options = tfdata.ReadOptions(BATCH_SIZE, shuffle_buffer=SHUFFLE_BUFFER)
        dataset = tfdata.load(url, "train", "pair", options)
    examples = 0
    for _ in range(epochs):
        examples = sum(len(labels) for _, labels in dataset)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    return {"examples": examples, "seconds": seconds}


def digest(url: str, way: str) -> dict[str, Any]:
    """Returns a digest of the examples, which does not depend on their order."""
    with mock.patch.object(loader, "_source", SOURCES[way]):
        dataset = tfdata.load(url, "train", "pair", tfdata.ReadOptions(BATCH_SIZE))
    found = protocol.unordered_digest(_records(dataset))
    gc.collect()
    return {"digest": found}


def _direct(
    data_dir: str | Path, manifest: Manifest, split: str, options: tfdata.ReadOptions
) -> tuple[RecordSource, list[int], Callable[[tf.Tensor], tf.Tensor] | None]:
    shards = manifest.splits[split].shards
    files = tensorflow_paths(data_dir, [shard.file for shard in shards])
    return file_source(files), [shard.records for shard in shards], None


def _records(dataset: tf.data.Dataset) -> Iterator[bytes]:
    for arrays, labels in dataset.as_numpy_iterator():
        columns = [*arrays.values(), labels]
        for row in zip(*columns, strict=True):
            yield b"".join(np.ascontiguousarray(value).tobytes() for value in row)


def write_pairs(folder: str, count: int, image_size: int) -> dict[str, Any]:
    Path(folder).mkdir()
    write(Path(folder), count, image_size)
    return {}


SOURCES = {"copies": loader._source, "direct": _direct}

if __name__ == "__main__":
    protocol.serve({"read": read, "digest": digest, "write": write_pairs})
