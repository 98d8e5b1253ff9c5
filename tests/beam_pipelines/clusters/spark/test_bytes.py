"""Tests that a Spark cluster writes the same bytes as one machine, also if an executor dies."""

from __future__ import annotations

import os
import signal
import time

from tests.beam_pipelines.clusters import builds
from tests.conftest import SMALL
from tests.tools import files_of

# Heavy spectrograms in many shards, so that a build is surely caught while it writes them.
SLOW = [*builds.SLOW, "--num_shards=8"]


def test_two_executors_write_the_same_bytes(cluster, damaged_corpus, build, tmp_path):
    corpus = damaged_corpus.flags
    assert build(*corpus, f"--output={tmp_path / 'here'}") == 0
    known = cluster.applications()
    said = builds.build(cluster, tmp_path / "there", *SMALL, *corpus, *builds.by_process())
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")
    assert "rejected" in said
    # The build, and the question before.
    new = [state for name, state in cluster.applications().items() if name not in known]
    assert new == ["FINISHED", "FINISHED"]


def test_a_build_survives_the_death_of_an_executor(cluster, damaged_corpus, build, tmp_path):
    """A worker starts another executor, and Spark repeats what the dead one was to do."""
    flags, output = [*SLOW, *damaged_corpus.flags], tmp_path / "there"
    assert build(*flags, f"--output={tmp_path / 'here'}") == 0
    lost = cluster.lost_executors()
    with builds.start(cluster, output, *flags, *builds.by_process()) as process:
        builds.wait_for_shards(process, output, 1)
        os.kill(busy_executor(cluster), signal.SIGKILL)
        shards = len(list(output.glob("*.tfrecord")))
        said, error, _ = builds.ended(process)
    assert process.returncode == 0, error
    print(f"killed with {shards} shards written: {said}")
    assert cluster.lost_executors() > lost
    assert files_of(output) == files_of(tmp_path / "here")
    assert not list(output.rglob("*.tmp"))


def busy_executor(cluster):
    """An executor with Python workers."""
    while True:
        for worker in cluster.workers:
            if cluster.python_workers(worker):
                return cluster.executors(worker)[-1]
        time.sleep(0.05)
