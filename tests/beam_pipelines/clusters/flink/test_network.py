"""Tests of the network addresses of the cluster, a build on it, and its job server."""

from __future__ import annotations

import socket

import pytest

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.runners.test_network import listening_addresses
from tests.conftest import SMALL

INTERFACES = [name for _, name in socket.if_nameindex()]


@pytest.fixture(scope="module")
def cluster(unused_cluster):
    return unused_cluster


def listeners(cluster, job):
    """(process, address, port) of all that the cluster and a build on it listen on."""
    found = set()
    while job.poll() is None:
        for name, process in (*cluster.processes.items(), ("build", job)):
            found |= {(name, *place) for place in listening_addresses(process.pid)}
    assert job.returncode == 0, job.stderr.read()
    return found


@pytest.mark.skipif(INTERFACES != ["lo"], reason="Beam's Java services listen on all interfaces")
def test_nothing_of_them_can_be_reached_from_outside(cluster, corpus, tmp_path):
    """Flink listens on loopback, Beam's Java services on all interfaces, of which there is one."""
    before = {
        address
        for process in cluster.processes.values()
        for address, _ in listening_addresses(process.pid)
    }
    assert before
    assert all(address.is_loopback for address in before)
    flags = [*SMALL, *corpus.flags, *builds.by_process()]
    with builds.start(cluster, tmp_path / "set", *flags) as job:
        found = listeners(cluster, job)
    assert {name for name, _, _ in found} == {*cluster.processes, "build"}
