"""Shows the progress of a build, from the result files of finished shards."""

from __future__ import annotations

import os
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
from tfdata.text import agree, counted

# Between lines if there is no terminal. Programs that read the lines set the variable.
LINE_SECONDS = float(os.environ.get("FACEVOICE_PROGRESS_SECONDS", "15"))


@contextmanager
def show(output: Place, terminal: TextIO) -> Iterator[None]:
    """Shows finished pairs and shards while the body runs: a bar on a terminal, or plain lines."""
    finished = threading.Event()
    watcher = threading.Thread(target=_watch, args=(output, terminal, finished), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _watch(output: Place, terminal: TextIO, finished: threading.Event) -> None:
    store, summary = store_at(output), None
    while summary is None and not finished.wait(store.poll_seconds):
        summary = read_plan_summary(output)
    if summary is None:
        return
    waiting = {digest: shard.pairs for digest, shard in summary.shards.items()}
    total, shards = sum(waiting.values()), len(waiting)
    done_before = done = _pop_finished(store, waiting)
    bar = tqdm(
        total=total,
        initial=done_before,  # does not count towards the rate
        unit="pair",
        desc="Writing",
        file=terminal,
        disable=not terminal.isatty(),
    )
    started = printed = time.monotonic()
    is_last = False
    while not is_last:
        is_last = finished.wait(store.poll_seconds)
        just_done = _pop_finished(store, waiting)
        done += just_done
        ready = f"{shards - len(waiting)}/{counted(shards, 'shard')}"
        bar.set_postfix_str(ready, refresh=False)
        bar.update(just_done)
        now = time.monotonic()
        if bar.disable and now - printed > LINE_SECONDS and not is_last:
            print(plain_line(done, total, done_before, now - started, ready), file=terminal)
            printed = now
    bar.close()


def plain_line(done: int, total: int, done_before: int, seconds: float, shards: str) -> str:
    """Returns the progress as one line of a log."""
    return tqdm.format_meter(
        done,
        total,
        seconds,
        prefix="Writing",
        unit="pair",
        postfix=shards,
        initial=done_before,
        bar_format="{desc}: {n_fmt}/{total_fmt} "
        + agree(total, "pair", "pairs")
        + "{postfix}, {rate_fmt}, {remaining} left",
    )


def _pop_finished(store: Store, waiting: dict[str, int]) -> int:
    """Removes finished shards from `waiting`; returns the number of their pairs."""
    return sum(waiting.pop(digest) for digest in finished_digests(store, waiting))
