"""Tests of builds on the workers of worker pools."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_pipelines.build import main
from beam_pipelines.errors import BuildError
from beam_pipelines.runners import local_environment, pool_addresses
from tests.conftest import SMALL, write_corpus
from tests.tools import error_line, files_of, start_build

# Many shards, and heavy spectrograms, so that a build is surely caught in the middle.
SLOW = ["--num_shards=16", "--frames=256", "--fft_size=8192"]
TWO = "--direct_num_workers=2"


@dataclass(frozen=True)
class Pool:
    """A running worker pool."""

    pid: int
    address: str

    @property
    def flags(self) -> list[str]:
        return external(self.address)


def external(config: str) -> list[str]:
    return ["--environment_type=EXTERNAL", f"--environment_config={config}"]


@contextmanager
def worker_pool(folder: Path, *pythons: Path) -> Iterator[Pool]:
    """Beam's pool with its own folder and environment; `pythons` are what its PATH begins with."""
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"]
    path = os.pathsep.join([*map(str, pythons), os.defpath])
    log = folder / "pool.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--service_port=0"],
            cwd=folder,
            env={"PATH": path, "HOME": str(folder)},
            stderr=stderr,
            start_new_session=True,
        )
    try:
        while not (match := re.search(r"Started .* at port: (\S+) ", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield Pool(process.pid, match[1])
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def facevoice_pool(folder: Path) -> Iterator[Pool]:
    """The project's own pool, on a free port."""
    with subprocess.Popen(
        [Path(sys.executable).with_name("facevoice-worker-pool"), "--port=0"],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            match = re.search(r"builds at (\S+)\.$", process.stdout.readline())
            yield Pool(process.pid, match[1])
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with facevoice_pool(tmp_path_factory.mktemp("pool")) as running:
        yield running


@pytest.mark.slow
def test_beams_own_pool_serves_a_build_as_well(corpus, data_set, tmp_path):
    with (
        worker_pool(tmp_path, Path(sys.executable).parent) as pool,
        start_build(corpus, tmp_path / "set", "--direct_num_workers=1", *pool.flags) as build,
    ):
        assert build.communicate(timeout=120)[1] == ""
    assert build.returncode == 0
    assert files_of(tmp_path / "set") == files_of(data_set)


def at_work(pool, output):
    """The processes of a pool that have a file below the output folder open."""
    found = set()
    for children in Path(f"/proc/{pool.pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            try:
                files = [fd.readlink() for fd in Path(f"/proc/{child}/fd").iterdir()]
            except OSError:  # it has ended, or closed a file meanwhile
                continue
            if any(file.is_relative_to(output) for file in files):
                found.add(child)
    return found


def build_error(capsys, *flags):
    """Returns the one-line error of a build that fails."""
    assert main([*SMALL, *flags]) == 1
    return error_line(capsys)


@pytest.mark.slow
def test_workers_of_a_pool_write_the_same_bytes(corpus, data_set, pool, tmp_path):
    output = tmp_path / "set"
    with start_build(corpus, output, TWO, *pool.flags, stdout=subprocess.PIPE) as build:
        said, error = build.communicate(timeout=120)
    assert (build.returncode, error) == (0, "")
    assert "30 pairs" in said
    assert files_of(output) == files_of(data_set)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers through /proc")
def test_both_workers_write_and_if_one_dies_the_next_build_resumes(build, pool, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", people=5, videos=6, per_video=3)
    output, undisturbed = tmp_path / "set", tmp_path / "undisturbed"
    assert build(*corpus.flags, *SLOW, f"--output={undisturbed}") == 0
    writers: set[int] = set()
    with start_build(corpus, output, *SLOW, TWO, *pool.flags) as stopped:
        while len(writers) < 2 or len(list(output.glob("*.tfrecord"))) < 3:
            assert stopped.poll() is None
            writers |= at_work(pool, output)
            time.sleep(0.01)  # a shard takes longer
        os.kill(max(writers), signal.SIGKILL)
        error = stopped.communicate(timeout=120)[1]
    assert stopped.returncode == 1
    assert error.startswith(f"error: A worker of the pool at {pool.address} died")
    assert error.count("\n") == 1
    assert not (output / "dataset.json").exists()
    kept = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    with start_build(corpus, output, *SLOW, TWO, *pool.flags) as resumed:
        resumed.communicate(timeout=120)
    assert files_of(output) == files_of(undisturbed)
    # Not all: a shard whose worker ended before it was noted is written again.
    assert kept.items() & {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}.items()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_never_connects_ends_the_build(corpus, pool, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(local_environment, "START_SECONDS", 0)
    (tmp_path / "python").symlink_to("/bin/true")
    with worker_pool(tmp_path, tmp_path) as mute:
        error = build_error(
            capsys,
            *corpus.flags,
            f"--output={tmp_path / 'set'}",
            "--direct_num_workers=1",
            *mute.flags,
        )
    assert f"pool at {mute.address} did not connect to" in error


def test_pools_are_used_round_robin_and_one_that_cannot_start_a_worker_is_in_the_error(
    corpus, pool, capsys, tmp_path
):
    with worker_pool(tmp_path, tmp_path / "no_python_here") as bare:
        both = external(f"{pool.address},{bare.address}")
        output = f"--output={tmp_path / 'set'}"
        error = build_error(capsys, *corpus.flags, output, TWO, *both)
    assert f"pool at {bare.address} could not start a worker" in error


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (external("localhost:1"), "No worker pool answers at localhost:1"),
        (external("localhost"), "needs the host:port"),
        (external("localhost:99999"), "needs the host:port"),
        (["--environment_type=EXTERNAL"], "--environment_config is missing"),
        (["--environment_config=localhost:1"], "without --environment_type"),
        (["--environment_type=LOOPBACK"], "--environment_type is LOOPBACK"),
        (["--environment_type=PROCESS"], "--environment_type is PROCESS"),
        (["--environment_type=DOCKER"], "--environment_type is DOCKER"),
        ([*external("localhost:1"), "--direct_running_mode=in_memory"], "are both given"),
    ],
)
def test_unusable_pools_are_refused_before_anything_is_written(
    corpus, capsys, tmp_path, flags, words
):
    output = tmp_path / "set"
    assert words in build_error(capsys, *corpus.flags, f"--output={output}", *flags)
    assert not output.exists()


def test_another_server_is_refused_as_a_worker_pool():
    with ThreadingHTTPServer(("localhost", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"localhost:{server.server_port}"
        with pytest.raises(BuildError, match=f"No worker pool answers at {address}"):
            pool_addresses.check_pools([address])
        server.shutdown()


def test_the_address_of_a_pool_may_be_in_beams_environment_options():
    options = PipelineOptions(
        ["--environment_type=EXTERNAL", "--environment_options=external_service_address=[::1]:5000"]
    )
    assert pool_addresses.pools_from_options(options) == ["[::1]:5000"]
