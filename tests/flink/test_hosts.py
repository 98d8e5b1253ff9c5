"""Hosts with addresses and folders of their own: all that they share is an S3 server."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.conftest import SMALL
from tests.flink import builds, fetch, hosts
from tests.flink.cluster import running
from tests.test_s3 import BUCKET, objects, serving
from tests.test_s3_corpus import uploaded
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


def on(host, *command):
    done = subprocess.run([*host.prefix, *command], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_hosts_share_no_folder_and_no_address(cluster, address, workers, corpus):
    del cluster  # has written into the folders
    one, other = workers
    assert len({address, one.address, other.address}) == 3
    for host, neighbour in ((one, other), (other, one)):
        assert "flink-conf.yaml" in on(host, "ls", str(host.folder))
        seen = "for path; do if [ -e $path ]; then echo $path; fi; done"
        unseen = [neighbour.folder, corpus.faces, corpus.audio]
        assert on(host, "sh", "-c", seen, "sh", host.folder, *unseen) == f"{host.folder}\n"
        assert f" {host.address}/24 " in on(host, "ip", "-4", "address", "show", "dev", "eth0")
        assert neighbour.address not in on(host, "ip", "-4", "address")


def test_workers_of_two_hosts_write_the_same_bytes(
    cluster, address, workers, damaged_corpus, build, tmp_path
):
    assert build(*damaged_corpus.flags, f"--output={tmp_path / 'here'}") == 0
    with serving(address) as server:
        away = uploaded(damaged_corpus, "hosts-corpus")
        by = builds.by_process(builds.bucket_variables())
        said = builds.build(cluster, f"s3://{BUCKET}/hosts", *SMALL, *away, *by)
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
