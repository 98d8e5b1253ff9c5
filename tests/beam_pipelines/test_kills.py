"""Tests of builds that are killed at random moments and run again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter

import pytest

from tests.conftest import write_corpus
from tests.tools import files_of, start_build

# Many shards and slow spectrograms, so that most kills hit a build while it writes.
OLD = ["--num_shards=8"]
NEW = ["--num_shards=8", "--frames=256", "--fft_size=8192", "--keep_replaced_hours=0"]


def is_complete(output):
    """Whether there is a manifest; checks that its shards have the recorded digests."""
    try:
        manifest = json.loads((output / "dataset.json").read_text())
    except FileNotFoundError:
        return False
    for split in manifest["splits"].values():
        for shard in split["shards"]:
            data = (output / shard["file"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == shard["sha256"]
    return True


@pytest.mark.parametrize(
    ("kills", "people", "mode"),
    [
        pytest.param(1, 3, "in_memory"),
        pytest.param(50, 5, "multi_processing", marks=pytest.mark.slow),
    ],
)
def test_a_killed_build_leaves_a_complete_dataset_and_the_next_has_the_same_bytes(
    build, tmp_path, kills, people, mode
):
    corpus = write_corpus(tmp_path / "corpus", people=people, videos=5, per_video=4)
    new = [*NEW, f"--direct_running_mode={mode}"]
    started = time.monotonic()
    assert build(*corpus.flags, *new, f"--output={tmp_path / 'expected'}") == 0
    seconds = time.monotonic() - started
    expected = files_of(tmp_path / "expected")
    assert build(*corpus.flags, *OLD, f"--output={tmp_path / 'old'}") == 0
    old = files_of(tmp_path / "old")
    output = tmp_path / "set"
    draw = random.Random(kills)
    caught = Counter()
    for number in range(kills):
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(tmp_path / "old", output)
        with start_build(corpus, output, *new, stdout=subprocess.DEVNULL) as killed:
            if number % 3 == 1:  # at any moment
                time.sleep(draw.uniform(0, seconds))
            else:  # while shards are written
                while files_of(output).keys() == old.keys() and killed.poll() is None:
                    time.sleep(0.01)
                time.sleep(draw.uniform(0, 0.5))
            if number % 2:
                os.kill(killed.pid, signal.SIGKILL)  # its workers find out by themselves
            else:
                os.killpg(killed.pid, signal.SIGKILL)
            killed.stderr.read()  # ends when the last worker has
        caught[moment(output, old, expected)] += 1
        assert build(*corpus.flags, *new, f"--output={output}") == 0
        assert files_of(output) == expected
        assert not list(output.rglob("*.tmp"))
    print(f"{kills} kills: {dict(caught)}")
    assert caught["while writing"]


def moment(output, old, expected):
    """Returns when a build was killed, by its files; checks that the dataset is complete."""
    assert is_complete(output)
    found = files_of(output)
    if found["dataset.json"] == expected["dataset.json"]:
        return "after the end"
    shards = {name: data for name, data in old.items() if name.endswith(".tfrecord")}
    assert shards.items() <= found.items()
    return "while writing" if found.keys() - old.keys() else "before writing"
