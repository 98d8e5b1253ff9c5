"""What several tests do with builds and data sets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import tensorflow as tf

from tests.conftest import SMALL


def read_records(data_set, split):
    """All records of a split, by TensorFlow's own reader and parser."""
    manifest = json.loads((data_set / "dataset.json").read_text())
    for shard in manifest["splits"][split]["shards"]:
        for data in tf.data.TFRecordDataset(str(data_set / shard["file"])):
            features = tf.train.Example.FromString(data.numpy()).features.feature
            yield {
                name: (f.bytes_list.value or f.int64_list.value)[0] for name, f in features.items()
            }


def files_of(data_set):
    return {p.name: p.read_bytes() for p in data_set.iterdir() if p.is_file()}


def start_build(corpus, output, *flags, **settings):
    """The build in a process, and a session, of its own."""
    command = [sys.executable, "-m", "beam_pipelines.build", *corpus.flags, f"--output={output}"]
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(
        [*command, *SMALL, *flags], text=True, start_new_session=True, **settings
    )


def kill_a_worker_of(pid):
    """Kills one worker process of a build: the last of those below it."""
    below = [
        int(child)
        for children in Path(f"/proc/{pid}/task").glob("*/children")
        for child in children.read_text().split()
    ]
    os.kill(max(below), signal.SIGKILL)
