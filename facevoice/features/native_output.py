"""Discards what C and C++ libraries print to standard error."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_lock = threading.Lock()
_users = 0  # threads, or nested calls, that discard standard error now
_saved = -1  # descriptor of standard error, while it is discarded


@contextmanager
def without_native_stderr() -> Iterator[None]:
    """Discards standard error in the body, that of C and C++ code included.

    libmpg123 prints lines about odd MP3s, and LiteRT reports its CPU kernels; neither has a switch
    for that. Errors that the functions called in the body raise are not affected. Threads may use
    it at the same time: standard error is the process's, and comes back after the last of them.
    """
    global _users, _saved
    with _lock:
        if not _users:
            sys.stderr.flush()
            _saved = os.dup(2)
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            sys.stderr.flush()
            _users -= 1
            if not _users:
                os.dup2(_saved, 2)
                os.close(_saved)
