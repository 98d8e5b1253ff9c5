"""Peak memory of a process tree, from /proc (Linux only)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.25  # reading smaps slows the processes down
HIGH_WATER_POLL_SECONDS = 2.0


@dataclass
class Peak:
    """Peak memory of a process tree, MB.

    Attributes:
      mb: of all processes together, shared pages counted once.
      root_mb: of the root process.
      child_mb: of the largest descendant.
    """

    mb: float = 0.0
    root_mb: float = 0.0
    child_mb: float = 0.0


@contextmanager
def peak_mb_of(pid: int, total: bool = True) -> Iterator[Peak]:
    """Measures a process and its descendants during the context.

    Args:
      pid: the process.
      total: whether to measure all processes together. Otherwise `mb` stays 0, and the kernel's
        record of each process's peak is read every 2 s, which costs hardly any time.
    """
    peak, done = Peak(), threading.Event()
    field, seconds = ("VmRSS:", POLL_SECONDS) if total else ("VmHWM:", HIGH_WATER_POLL_SECONDS)

    def watch() -> None:
        while True:
            processes = tree(pid)
            if total:
                peak.mb = max(peak.mb, sum(_mb(each, "smaps_rollup", "Pss:") for each in processes))
            root_mb, *children_mb = (_mb(each, "status", field) for each in processes)
            peak.root_mb = max(peak.root_mb, root_mb)
            peak.child_mb = max([peak.child_mb, *children_mb])
            if done.wait(seconds):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def tree(pid: int) -> list[int]:
    """Returns the ids of a process and its descendants."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for t in threads for child in (t / "children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(descendant for child in children for descendant in tree(int(child)))]


def _mb(pid: int, file: str, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
