"""Tests of machines that die during a build: the cluster recovers, or the next build resumes."""

from __future__ import annotations

import time

import pytest

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.clusters.builds import SLOW, wait_for_shards
from tests.beam_pipelines.clusters.disturbed import check_deaths, ended
from tests.tools import files_of


def kill_task_manager(cluster, process):
    """Kills one that has a worker, if any; its successor comes up a moment later."""
    del process
    victim = max(cluster.task_managers, key=lambda name: len(cluster.workers(name)))
    cluster.kill_task_manager(victim)
    time.sleep(1)
    cluster.start_task_manager(victim)


def kill_worker(cluster, process):
    """Kills a Python worker, as soon as there is one."""
    while not any(cluster.kill_a_worker(name) for name in cluster.task_managers):
        if process.poll() is not None:
            return
        time.sleep(0.1)


@pytest.mark.parametrize("kill", [kill_task_manager, kill_worker])
def test_a_build_that_recovers_from_a_death_writes_the_same_bytes(
    cluster, many, undisturbed, kill, tmp_path
):
    output, flags = tmp_path / "set", [*SLOW, *many, *builds.by_process()]
    before = cluster.recoveries()
    with builds.start(cluster, output, *flags) as process:
        wait_for_shards(process, output, 2)
        kill(cluster, process)
        how = ended(cluster, output, flags, process)
    cluster.wait_for(2)
    print(f"{kill.__name__}: {how}")
    assert how == "resumed with existing shards" or cluster.recoveries() > before
    assert files_of(output) == undisturbed
    assert not list(output.rglob("*.tmp"))


@pytest.mark.slow
def test_ten_deaths_at_random_moments(cluster, many, undisturbed, tmp_path):
    before = cluster.recoveries()
    flags = [*SLOW, *many, *builds.by_process()]
    kills, whole = (kill_task_manager, kill_worker), lambda: cluster.wait_for(2)
    said = check_deaths(cluster, kills, 10, 10, flags, undisturbed, tmp_path, whole)
    print(f"{said}; {cluster.recoveries() - before} of running tasks")
