"""Tests of hosts that share an S3 server only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.beam_pipelines.clusters import builds, hosts
from tests.beam_pipelines.clusters.flink import fetch
from tests.beam_pipelines.clusters.flink.cluster import running
from tests.beam_pipelines.corpus.test_s3_corpus import uploaded
from tests.beam_pipelines.shards.test_s3 import BUCKET, objects, serving
from tests.conftest import SMALL
from tests.tools import files_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """This machine's address, and three hosts; they see nothing of what tests write."""
    if reason := fetch.missing() or hosts.missing():
        pytest.skip(reason)
    folder, hidden = tmp_path_factory.mktemp("hosts"), tmp_path_factory.getbasetemp()
    with hosts.several(folder, hidden, 3) as made, pytest.MonkeyPatch.context() as patch:
        reached = ",".join([made[0], *(host.address for host in made[1])])
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, f"{os.environ.get(name, '')},{reached},127.0.0.1,localhost")
        yield made


@pytest.fixture(scope="module")
def address(made):
    """Of this machine, where the driver and the S3 server are."""
    return made[0]


@pytest.fixture(scope="module")
def workers(made):
    """Two of the hosts."""
    return made[1][1:]


@pytest.fixture(scope="module")
def cluster(made):
    """A JobManager on the first host, and a TaskManager on each of the others."""
    first, *others = made[1]
    with running(first, others) as started:
        yield started


def test_the_hosts_share_no_address_and_no_folder_that_can_be_written(cluster, workers, corpus):
    """As their TaskManagers see it, and with them the Python workers that these start."""
    processes = [Path(f"/proc/{cluster.processes[name].pid}") for name in cluster.task_managers]
    for kind in ("net", "mnt", "uts"):
        everywhere = [*processes, Path("/proc/self")]
        assert len({(process / "ns" / kind).readlink() for process in everywhere}) == 3
    for process, own, other in zip(processes, workers, reversed(workers), strict=True):
        routes = (process / "net" / "fib_trie").read_text()
        assert f"-- {own.address}\n" in routes
        assert f"-- {other.address}\n" not in routes
        assert (process / "root" / in_root(own.folder) / "flink-conf.yaml").exists()
        for unseen in (other.folder, corpus.faces, corpus.audio):
            assert not (process / "root" / in_root(unseen)).exists()
    first, second = map(writable, processes)
    assert len(first) == len(second) > 0
    assert first.isdisjoint(second)
    assert first.isdisjoint(writable(Path("/proc/self")))


def in_root(path):
    return path.relative_to("/")


def writable(process):
    """What is mounted before a process and is not read-only, as device and inode."""
    table = (line.split() for line in (process / "mounts").read_text().splitlines())
    flags = {place: given.split(",") for _, place, _, given, *_ in table}  # the last one counts
    places = [process / "root" / in_root(Path(place)) for place in flags if "rw" in flags[place]]
    found = [place.stat() for place in places if place.exists()]  # or hidden by a later one
    return {(folder.st_dev, folder.st_ino) for folder in found}


def test_workers_of_two_hosts_write_the_same_bytes(
    cluster, address, workers, damaged_corpus, build, tmp_path
):
    shards = "--num_shards=6"  # so that each host surely gets some
    assert build(*damaged_corpus.flags, shards, f"--output={tmp_path / 'here'}") == 0
    with serving(address) as server:
        away = uploaded(damaged_corpus, "hosts-corpus")
        by = builds.by_process(builds.bucket_variables())
        said = builds.build(cluster, f"s3://{BUCKET}/hosts", *SMALL, shards, *away, *by)
        assert objects("hosts") == files_of(tmp_path / "here")
        assert server.shards_from == {host.address for host in workers}
    assert "rejected" in said


def test_a_corpus_that_only_the_driver_has_is_refused(cluster, address, workers, corpus):
    with serving(address):
        by = builds.by_process(builds.bucket_variables())
        said = builds.refused(cluster, f"s3://{BUCKET}/unseen", *SMALL, *corpus.flags, *by)
    assert f"does not see --faces {corpus.faces}; mount it at the same path" in said
    assert any(f"A worker on {host.folder.name} " in said for host in workers)


@pytest.mark.flink
def test_hosts_are_removed_when_what_they_are_for_fails(tmp_path):
    if reason := hosts.missing():
        pytest.skip(reason)
    before = hosts.left()

    def fail():
        with hosts.several(tmp_path, tmp_path, 2):
            # A bridge, and of each host a link and a namespace.
            raise LookupError(len(hosts.left()) - len(before))

    with pytest.raises(LookupError, match="5"):
        fail()
    assert hosts.left() == before
