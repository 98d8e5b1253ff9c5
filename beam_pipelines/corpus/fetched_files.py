"""Keeps copies of remote videos on a disk while their moments are decoded.

The moments of a video are in one shard, but not one after the other, and a video is read in pieces.
So it is copied to the temporary directory (TMPDIR) at its first use.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO

MAX_BYTES = 2 << 30


class FetchedFiles:
    """Copies of files in a temporary directory, which is removed with this object.

    Beyond `max_bytes`, the copies that were not used for the longest time are removed; a single
    file may be larger. One thread uses it.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()  # by path, the last used at the end
        self._copies: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def fetch(self, path: str, download: Callable[[str, IO[bytes]], None]) -> Path:
        """Returns the path of the copy of a file.

        Args:
          path: the file.
          download: copies a file into an open one.
        """
        if path in self._sizes:
            self._sizes.move_to_end(path)
            return self._copies[path]
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="facevoice-")
        copy = Path(self._folder.name) / f"{uuid.uuid4().hex}{Path(path).suffix}"
        try:
            with copy.open("wb") as file:
                download(path, file)
        except BaseException:
            copy.unlink()
            raise
        self._copies[path], self._sizes[path] = copy, copy.stat().st_size
        while sum(self._sizes.values()) > self._max_bytes and len(self._sizes) > 1:
            oldest, _ = self._sizes.popitem(last=False)
            self._copies.pop(oldest).unlink()
        return copy
