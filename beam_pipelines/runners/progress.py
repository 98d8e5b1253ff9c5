"""Progress of a build, read from the notes that finished shards leave in the output folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from beam_pipelines.shards.output_dir import read_plan_summary
from beam_pipelines.shards.shard_results import finished_digests
from beam_pipelines.shards.stores import Store, store_at
from tfdata.storage.base import Place

LINE_SECONDS = 15.0  # between plain lines, where there is no terminal


@contextmanager
def show(output: Place, terminal: TextIO) -> Iterator[None]:
    """Shows pairs and shards done while the body runs: a bar on a terminal, else plain lines."""
    finished = threading.Event()
    watcher = threading.Thread(target=_watch, args=(output, terminal, finished), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _watch(output: Place, terminal: TextIO, finished: threading.Event) -> None:
    store, outline = store_at(output), None
    while outline is None and not finished.wait(store.poll_seconds):
        outline = read_plan_summary(output)
    if outline is None:
        return
    waiting = {digest: shard.pairs for digest, shard in outline.shards.items()}
    total, shards = sum(waiting.values()), len(waiting)
    done_before = done = _take_done(store, waiting)
    bar = tqdm(
        total=total,
        initial=done_before,  # counts, but not towards the speed
        unit="pair",
        desc="Writing",
        file=terminal,
        disable=not terminal.isatty(),
    )
    started = spoke = time.monotonic()
    last_look = False
    while not last_look:
        last_look = finished.wait(store.poll_seconds)
        just_done = _take_done(store, waiting)
        done += just_done
        ready = f"{shards - len(waiting)}/{shards} shards"
        bar.set_postfix_str(ready, refresh=False)
        bar.update(just_done)
        now = time.monotonic()
        if bar.disable and now - spoke > LINE_SECONDS and not last_look:
            print(plain_line(done, total, done_before, now - started, ready), file=terminal)
            spoke = now
    bar.close()


def plain_line(done: int, total: int, done_before: int, seconds: float, shards: str) -> str:
    """Progress as one line of a log."""
    return tqdm.format_meter(
        done,
        total,
        seconds,
        prefix="Writing",
        unit="pair",
        postfix=shards,
        initial=done_before,
        bar_format="{desc}: {n_fmt}/{total_fmt} pairs{postfix}, {rate_fmt}, {remaining} left",
    )


def _take_done(store: Store, waiting: dict[str, int]) -> int:
    """Takes finished shards out of those waited for; returns their pairs."""
    return sum(waiting.pop(digest) for digest in finished_digests(store, waiting))
