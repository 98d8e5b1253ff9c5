"""Tests of builds on a cluster that are stopped: they publish nothing, and the next resumes."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request

import pytest

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.clusters.builds import SLOW, wait_for_shards
from tests.beam_pipelines.test_kills import is_complete
from tests.conftest import SMALL
from tests.tools import files_of

ATTEMPTS = 3  # of the cluster's restart strategy
CANCEL_SECONDS = 30
ENDED = {"CANCELED", "FAILED", "FINISHED"}


def jobs(cluster):
    """The states of all jobs that a cluster knows, by their identifiers."""
    with urllib.request.urlopen(f"http://{cluster.master}/jobs/overview", timeout=5) as answer:
        return {job["jid"]: job["state"] for job in json.loads(answer.read())["jobs"]}


def shards(output):
    return {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}


def check_nothing_half_done(output, undisturbed):
    """Checks that there is no manifest and that each shard is one of the finished dataset."""
    assert not is_complete(output)
    found = files_of(output)
    standing = {name: data for name, data in found.items() if name.endswith(".tfrecord")}
    assert standing
    assert standing.items() <= undisturbed.items()
    assert len(standing) < sum(name.endswith(".tfrecord") for name in undisturbed)


def check_it_goes_on(cluster, output, flags, undisturbed):
    """Checks that the same command keeps finished shards and gives the same bytes."""
    before = shards(output)
    said = builds.build(cluster, output, *flags)
    assert "were there already" in said
    after = shards(output)
    # A shard may stand without its note, once for each worker that was stopped.
    assert sum(before[name] != after[name] for name in before) <= 2
    assert files_of(output) == undisturbed
    assert not list(output.rglob("*.tmp"))


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


def check_interrupted(process, to):
    """Sends what Ctrl-C sends, which a build tells as such."""
    to(process.pid, signal.SIGINT)
    error = process.communicate(timeout=builds.SECONDS)[1]
    assert process.returncode == 130
    said = builds.beside_progress(error)
    assert said == "Stopped. Finished shards are kept; the same command resumes.\n"


def ended_jobs(cluster, known):
    """The states of the jobs that were not known before, when all have ended."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while not ENDED.issuperset(jobs(cluster).values()):
        assert time.monotonic() < deadline, jobs(cluster)
        time.sleep(0.1)
    return sorted(state for job, state in jobs(cluster).items() if job not in known)
