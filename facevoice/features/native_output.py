"""Discards what C and C++ libraries print to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_native_stderr() -> Iterator[None]:
    """Discards standard error in the body, that of C and C++ code included.

    libmpg123 prints lines about odd MP3s, and LiteRT reports its CPU kernels; neither has a switch
    for that. Errors that the functions called in the body raise are not affected.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
