"""What the cluster of the tests, a build on it and its job server listen on."""

from __future__ import annotations

from tests.beam_pipelines.flink import builds
from tests.beam_pipelines.runners.test_network import listening_addresses
from tests.conftest import SMALL


def test_they_listen_on_loopback_alone(cluster, corpus, tmp_path):
    with builds.start(
        cluster, tmp_path / "set", *SMALL, *corpus.flags, *builds.by_process()
    ) as job:
        found = set()
        while job.poll() is None:
            for name, process in (*cluster.processes.items(), ("build", job)):
                found |= {(name, *socket) for socket in listening_addresses(process.pid)}
        error = job.communicate()[1]
    assert job.returncode == 0, error
    assert {name for name, _, _ in found} == {*cluster.processes, "build"}
    assert {socket for socket in found if not socket[1].is_loopback} == set()
