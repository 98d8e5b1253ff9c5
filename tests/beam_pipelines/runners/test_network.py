"""Tests of the network addresses that a local build listens on."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import grpc
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import (
    beam_artifact_api_pb2,
    beam_artifact_api_pb2_grpc,
    beam_runner_api_pb2,
)

from tests.beam_pipelines.runners.test_worker_pool import facevoice_pool
from tests.conftest import ONE_PROCESS
from tests.tools import files_of, start_build

pytestmark = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="reads the kernel's list of sockets from /proc"
)
TWO_PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
LOOK_SECONDS = 0.05  # the shortest build here runs its pipeline for ten times as long
LISTENING = "0A"  # state of a socket in /proc/net/tcp


def processes_of_session(session):
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            yield stat.parent


def sockets_of_session(session):
    """Inodes of the sockets that the processes of a session have open."""
    found = set()
    for process in processes_of_session(session):
        try:
            links = [str(fd.readlink()) for fd in (process / "fd").iterdir()]
        except OSError:
            continue
        found |= {link[8:-1] for link in links if link.startswith("socket:[")}
    return found


def listening_addresses(session):
    """(IP address, port) of each TCP socket that a session listens on, as the kernel lists them."""
    inodes, found = sockets_of_session(session), set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                host, port = fields[1].split(":")
                words = struct.unpack(f"<{len(host) // 8}I", bytes.fromhex(host))
                packed = struct.pack(f">{len(words)}I", *words)
                address = ip_address(packed)
                # gRPC binds IPv4 addresses to IPv6 sockets.
                found.add((getattr(address, "ipv4_mapped", None) or address, int(port, 16)))
    return found


def socket_files(session):
    """Paths of the Unix sockets that a session listens on."""
    inodes, found = sockets_of_session(session), set()
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[6] in inodes and len(fields) > 7 and fields[7].startswith("/"):
            found.add(Path(fields[7]))
    return found


def watch(build, look):
    """What `look` found in the session of a build, from its start to its end."""
    found = set()
    while build.poll() is None:
        found |= look(build.pid)
        time.sleep(LOOK_SECONDS)
    assert build.returncode == 0, build.stderr.read()
    return found


def ask_for(path, target):
    """Asks a Beam service for a file, as Beam's workers ask for artifacts."""
    artifact = beam_runner_api_pb2.ArtifactInformation(
        type_urn=common_urns.artifact_types.FILE.urn,
        type_payload=beam_runner_api_pb2.ArtifactFilePayload(path=str(path)).SerializeToString(),
    )
    with grpc.insecure_channel(target) as channel:
        stub = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(channel)
        request = beam_artifact_api_pb2.GetArtifactRequest(artifact=artifact)
        return b"".join(part.data for part in stub.GetArtifact(request, timeout=10))


def refusals(build, look, secret):
    """Asks each service of a running build for two files; returns the status codes."""
    codes, asked = [], set()
    while build.poll() is None:
        for target in look(build.pid) - asked:
            for path in ("/etc/passwd", secret):
                with pytest.raises(grpc.RpcError) as refused:
                    ask_for(path, target)
                codes.append(refused.value.code())
            asked.add(target)
        time.sleep(LOOK_SECONDS)
    return codes


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("only for me")
    path.chmod(0o600)
    return path


@pytest.mark.slow
def test_a_build_in_one_process_listens_on_no_port(corpus, tmp_path):
    with start_build(corpus, tmp_path / "set", "--num_shards=16", *ONE_PROCESS) as build:
        assert watch(build, listening_addresses) == set()


def test_workers_connect_through_sockets_that_only_this_user_can_reach_and_no_port(
    corpus, data_set, tmp_path, secret
):
    modes, addresses = set(), set()

    def targets(session):
        addresses.update(listening_addresses(session))
        found = socket_files(session)
        for path in found:
            try:
                modes.add(path.parent.stat().st_mode & 0o777)
            except FileNotFoundError:  # the build is over
                continue
        return {f"unix:{path}" for path in found}

    with start_build(corpus, tmp_path / "set", *TWO_PROCESSES) as build:
        codes = refusals(build, targets, secret)
    assert build.returncode == 0
    assert len(codes) >= 2
    assert set(codes) <= {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE}
    assert grpc.StatusCode.UNIMPLEMENTED in codes
    assert modes == {0o700}
    assert addresses == set()
    assert files_of(tmp_path / "set") == files_of(data_set)


def test_a_pool_on_this_machine_and_its_build_listen_on_loopback_alone(
    corpus, data_set, tmp_path, secret
):
    addresses = set()

    def targets(session):
        found = listening_addresses(session)
        addresses.update(host for host, _ in found)
        return {
            f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}" for host, port in found
        }

    with facevoice_pool(tmp_path) as pool:
        assert {host.is_loopback for host, _ in listening_addresses(pool.pid)} == {True}
        with start_build(corpus, tmp_path / "set", "--direct_num_workers=1", *pool.flags) as build:
            codes = refusals(build, targets, secret)
    assert build.returncode == 0
    assert addresses
    assert all(host.is_loopback for host in addresses)
    assert grpc.StatusCode.UNIMPLEMENTED in codes
    assert set(codes) <= {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE}
    assert files_of(tmp_path / "set") == files_of(data_set)


def test_a_pool_listens_on_the_given_address_and_refuses_a_used_port(tmp_path):
    command = [sys.executable, "-m", "beam_pipelines.runners.worker_pool"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*command, f"--port={port}"], capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    last_line = done.stderr.splitlines()[-1]  # gRPC writes other lines before it
    assert re.fullmatch(rf"error: cannot listen on 127.0.0.1:{port}; .*", last_line)
