"""Progress of a build, read from the notes that finished shards leave in the output folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from beam_pipelines.folder import note_path, read_outline

POLL_SECONDS = 0.5
LINE_SECONDS = 15.0  # between plain lines, where there is no terminal


@contextmanager
def shown(output: Path, terminal: TextIO) -> Iterator[None]:
    """Shows pairs and shards done while the body runs: a bar on a terminal, else plain lines."""
    finished = threading.Event()
    watcher = threading.Thread(target=_watch, args=(output, terminal, finished), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _watch(output: Path, terminal: TextIO, finished: threading.Event) -> None:
    interactive = terminal.isatty()
    bar: tqdm[None] | None = None
    waiting: dict[str, int] = {}
    shards = 0
    spoke = time.monotonic()
    while True:
        last_look = finished.is_set()
        if bar is None:
            outline = read_outline(output)
            if outline is not None:
                waiting = dict(outline.shards)
                shards = len(waiting)
                bar = tqdm(
                    total=sum(waiting.values()),
                    unit="pair",
                    desc="Writing",
                    file=terminal,
                    disable=not interactive,
                )
        if bar is not None:
            for digest in [d for d in waiting if note_path(output, d).exists()]:
                bar.update(waiting.pop(digest))
            bar.set_postfix_str(f"{shards - len(waiting)}/{shards} shards")
            if not interactive and time.monotonic() - spoke > LINE_SECONDS:
                done = bar.total - sum(waiting.values())
                print(
                    f"Writing: {done}/{bar.total} pairs, {shards - len(waiting)}/{shards} shards",
                    file=terminal,
                )
                spoke = time.monotonic()
        if last_look:
            break
        finished.wait(POLL_SECONDS)
    if bar is not None:
        bar.close()
