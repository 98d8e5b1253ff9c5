"""Shows the progress of a build, from the result files of finished shards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from tqdm import tqdm

from beam_pipelines.shards.output_dir import read_plan_summary
from beam_pipelines.shards.shard_results import finished_digests
from beam_pipelines.shards.stores import Store, store_at
from tfdata.storage.base import Place
from tfdata.text import agree, counted


@contextmanager
def show(output: Place, terminal: TextIO, line_seconds: float) -> Iterator[None]:
    """Shows finished pairs and shards while the body runs: a bar on a terminal, or plain lines.

    Args:
      output: directory or URL of the dataset.
      terminal: the stream to write to.
      line_seconds: time between lines if the stream is no terminal.
    """
    finished = threading.Event()
    arguments = (output, terminal, line_seconds, finished)
    watcher = threading.Thread(target=_watch, args=arguments, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _watch(output: Place, terminal: TextIO, line_seconds: float, finished: threading.Event) -> None:
    store, summary = store_at(output), None
    while summary is None and not finished.wait(store.poll_seconds):
        with suppress(OSError):  # of a moment; the build itself reports errors
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
        if bar.disable and now - printed > line_seconds and not is_last:
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
    try:
        return sum(waiting.pop(digest) for digest in finished_digests(store, waiting))
    except OSError:
        return 0
