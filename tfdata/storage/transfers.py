"""Copies files from servers whose responses may break off.

Clients of stores repeat requests that fail, but not those whose response breaks off while it is
read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, Any

from tfdata.storage.base import COPY_BYTES

_ATTEMPTS = 5


def copy_resuming(
    open_at: Callable[[int], AbstractContextManager[Any]],
    file: IO[bytes],
    broken_off: type[Exception] | tuple[type[Exception], ...],
) -> None:
    """Copies a file; a response that breaks off is continued by another request.

    Args:
      open_at: sends a request for the content from an offset in bytes; returns the response.
      file: the open file to write to.
      broken_off: the exceptions of a response that breaks off; the last one is raised.
    """
    start = file.tell()
    for attempt in range(_ATTEMPTS):
        try:
            with open_at(file.tell() - start) as response:
                shutil.copyfileobj(response, file, COPY_BYTES)
            return
        except broken_off:
            if attempt == _ATTEMPTS - 1:
                raise


def broken_off_reason(text: str) -> str:
    """Returns the clause for an error message after the last attempt; `text` describes it."""
    return f"responses broke off {_ATTEMPTS} times ({text}); check the network"
