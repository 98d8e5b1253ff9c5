"""Runs builds on a cluster, each in a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.conftest import SMALL
from tests.tools import wait_for

SECONDS = 900  # on a busy machine
WORKER = Path(sys.executable).parent / "facevoice-worker"
# Many shards, and heavy spectrograms, so that a build is surely caught in the middle.
SLOW = [*SMALL, "--num_shards=16", "--frames=256", "--fft_size=8192"]


class Cluster(Protocol):
    """A cluster that runs."""

    @property
    def flags(self) -> list[str]:
        """What leads a build there."""


def by_process(env: Mapping[str, str] | None = None, command: Path = WORKER) -> list[str]:
    """Workers that the cluster starts itself."""
    config = json.dumps({"command": str(command), "env": dict(env or {})})
    return ["--environment_type=PROCESS", f"--environment_config={config}"]


def bucket_variables() -> dict[str, str]:
    """What workers of another environment need to find the S3 server of this one."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def start(cluster: Cluster, output: object, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "beam_pipelines.build", f"--output={output}"]
    return subprocess.Popen(
        [*command, *cluster.flags, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def build(cluster: Cluster, output: object, *flags: str) -> str:
    """Builds to the end; returns what was said."""
    said, error, process = ended(start(cluster, output, *flags))
    assert (process.returncode, beside_progress(error)) == (0, ""), error
    return said


def refused(cluster: Cluster, output: object, *flags: str) -> str:
    """Returns the one-line error of a build that fails."""
    return failed(start(cluster, output, *flags))


def failed(process: subprocess.Popen[str]) -> str:
    """The same of a build that has been started."""
    return check_failed(process, ended(process)[1])


def check_failed(process: subprocess.Popen[str], error: str) -> str:
    """The same of one that has ended, and what it wrote."""
    error = beside_progress(error)
    assert process.returncode == 1, error
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    return error


def beside_progress(error: str) -> str:
    """Standard error without the lines that a build writes there every 15 seconds."""
    lines = error.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Writing: "))


def wait_for_shards(process: subprocess.Popen[str], output: Path, count: int) -> None:
    """Waits until a build has written a number of shards; fails if it ends before."""
    wait_for(process, lambda: len(list(output.glob("*.tfrecord"))) >= count)


def ended(process: subprocess.Popen[str]) -> tuple[str, str, subprocess.Popen[str]]:
    """What a build said; one that takes too long is killed, with its job server."""
    try:
        said, error = process.communicate(timeout=SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return said, error, process
