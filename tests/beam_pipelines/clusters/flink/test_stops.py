"""Tests of builds on a cluster that are stopped: they publish nothing, and the next resumes."""

from __future__ import annotations

import json
import os
import time
import urllib.request

import pytest

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.clusters.builds import SLOW, wait_for_shards
from tests.beam_pipelines.clusters.disturbed import (
    check_interrupted,
    check_it_goes_on,
    check_nothing_half_done,
    shards,
)
from tests.conftest import SMALL

ATTEMPTS = 3  # of the cluster's restart strategy
CANCEL_SECONDS = 30
ENDED = {"CANCELED", "FAILED", "FINISHED"}


@pytest.fixture(scope="module")
def cluster(unused_cluster):
    return unused_cluster


def jobs(cluster):
    """The states of all jobs that a cluster knows, by their identifiers."""
    with urllib.request.urlopen(f"http://{cluster.master}/jobs/overview", timeout=5) as answer:
        return {job["jid"]: job["state"] for job in json.loads(answer.read())["jobs"]}


@pytest.mark.slow
def test_more_deaths_than_the_restart_strategy_allows_end_the_build(
    cluster, many, undisturbed, tmp_path
):
    output, flags = tmp_path / "set", [*SLOW, *many, *builds.by_process()]
    known, recoveries = jobs(cluster), cluster.recoveries()
    with builds.start(cluster, output, *flags) as process:
        wait_for_shards(process, output, 2)
        kills = 0
        while process.poll() is None:
            kills += sum(cluster.kill_a_worker(name) for name in cluster.task_managers)
            time.sleep(0.1)
        error = builds.failed(process)
    print(f"{kills} kills, {len(shards(output))} shards stand: {error}")
    assert "died as it started (exit code 137), and no attempt is left" in error
    assert ended_jobs(cluster, known) == ["FAILED", "FINISHED"]
    assert kills > ATTEMPTS
    assert cluster.recoveries() == recoveries + ATTEMPTS
    check_nothing_half_done(output, undisturbed)
    check_it_goes_on(cluster, output, flags, undisturbed)


@pytest.mark.parametrize(
    "to",
    [
        pytest.param(os.kill, id="to the driver"),
        pytest.param(os.killpg, id="to its job server, too", marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_ends_the_job_on_the_cluster(cluster, many, undisturbed, to, tmp_path):
    output, flags = tmp_path / "set", [*SLOW, *many, *builds.by_process()]
    known = jobs(cluster)
    with builds.start(cluster, output, *flags) as process:
        wait_for_shards(process, output, 2)
        check_interrupted(process, to)
    # The build, and the question before.
    assert ended_jobs(cluster, known) == ["CANCELED", "FINISHED"]
    check_nothing_half_done(output, undisturbed)
    check_it_goes_on(cluster, output, flags, undisturbed)


def test_ctrl_c_ends_the_check_before_the_build(cluster, corpus, tmp_path):
    known = jobs(cluster)
    flags = [*SMALL, *corpus.flags, *builds.by_process()]
    with builds.start(cluster, tmp_path / "set", *flags) as process:
        while jobs(cluster).items() <= known.items():
            assert process.poll() is None
            time.sleep(0.1)
        check_interrupted(process, os.kill)
    assert ended_jobs(cluster, known) == ["CANCELED"]
    assert not [path for path in (tmp_path / "set").glob("*") if path.is_file()]


def ended_jobs(cluster, known):
    """The states of the jobs that were not known before, when all have ended."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while not ENDED.issuperset(jobs(cluster).values()):
        assert time.monotonic() < deadline, jobs(cluster)
        time.sleep(0.1)
    return sorted(state for job, state in jobs(cluster).items() if job not in known)
