"""Tests of builds on Spark whose executors die, and of those that are stopped."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.clusters.disturbed import (
    check_deaths,
    check_interrupted,
    check_it_goes_on,
    check_nothing_half_done,
)
from tests.tools import files_of

# Heavy spectrograms in many shards, so that a build is surely caught while it writes them.
SLOW = [*builds.SLOW, "--num_shards=8"]
END_SECONDS = 60  # of an application whose driver has ended


@pytest.fixture(scope="module")
def flags(damaged_corpus):
    return [*SLOW, *damaged_corpus.flags]


@pytest.fixture(scope="module")
def expected(build, flags, tmp_path_factory):
    """What one machine makes of the corpus."""
    output = tmp_path_factory.mktemp("expected") / "set"
    assert build(*flags, f"--output={output}") == 0
    return files_of(output)


def kill_executor(cluster, process):
    """Kills a Java process that has Python workers, as soon as there is one."""
    while process.poll() is None:
        for worker in cluster.workers:
            if cluster.python_workers(worker):
                os.kill(cluster.executors(worker)[-1], signal.SIGKILL)
                return
        time.sleep(0.05)


def kill_python_worker(cluster, process):
    """Kills a Python worker, as soon as there is one."""
    while process.poll() is None:
        for worker in cluster.workers:
            if workers := cluster.python_workers(worker):
                os.kill(workers[0], signal.SIGKILL)
                return
        time.sleep(0.05)


def test_a_build_survives_the_death_of_an_executor(cluster, flags, expected, tmp_path):
    """A worker starts another executor, and Spark repeats what the dead one was to do."""
    output, lost = tmp_path / "there", cluster.lost_executors()
    with builds.start(cluster, output, *flags, *builds.by_process()) as process:
        builds.wait_for_shards(process, output, 1)
        kill_executor(cluster, process)
        shards = len(list(output.glob("*.tfrecord")))
        said, error, _ = builds.ended(process)
    assert process.returncode == 0, error
    print(f"killed with {shards} shards written: {said}")
    assert cluster.lost_executors() > lost
    assert files_of(output) == expected
    assert not list(output.rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_deaths_at_random_moments(cluster, flags, expected, tmp_path, seed):
    lost = cluster.lost_executors()
    kills, given = (kill_executor, kill_python_worker), [*flags, *builds.by_process()]
    whole = lambda: cluster.wait_for(2)  # noqa: E731
    said = check_deaths(cluster, kills, 2, seed, given, expected, tmp_path, whole)
    print(f"{said}; {cluster.lost_executors() - lost} executors lost")


@pytest.mark.slow
@pytest.mark.parametrize("to", [os.kill, os.killpg], ids=["to the driver", "to its job server"])
def test_ctrl_c_ends_the_application(cluster, flags, expected, to, tmp_path):
    output, given = tmp_path / "set", [*flags, *builds.by_process()]
    with builds.start(cluster, output, *given) as process:
        builds.wait_for_shards(process, output, 1)
        check_interrupted(process, to)
    deadline = time.monotonic() + END_SECONDS
    while not {"RUNNING", "WAITING"}.isdisjoint(cluster.applications().values()):
        assert time.monotonic() < deadline, cluster.applications()
        time.sleep(0.1)
    check_nothing_half_done(output, expected)
    check_it_goes_on(cluster, output, given, expected)
