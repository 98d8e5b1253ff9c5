"""Ports and child processes of a cluster on loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

START_SECONDS = 120  # of a cluster on a busy machine


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def children(pid: int) -> list[int]:
    """The processes that any thread of a process has started; none, if it has ended."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, listed.read_text().split())
        except OSError:  # a thread that has ended
            continue
    return found


def wait_until(
    is_ready: Callable[[], bool], processes: Mapping[str, subprocess.Popen[bytes]], logs: Path
) -> None:
    """Waits until a cluster answers that it is ready; fails if a process ends before.

    Args:
      is_ready: asks the cluster; raises OSError while it does not answer.
      processes: of the cluster, by name.
      logs: directory of their logs.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if is_ready():
                return
        except OSError:
            pass
        ended = [name for name, process in processes.items() if process.poll() is not None]
        assert not ended, f"see {logs}/{ended[0]}.log"
        assert time.monotonic() < deadline, f"no cluster; see {logs}/*.log"
        time.sleep(0.2)
