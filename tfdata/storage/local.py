"""Reads the files of a folder on a disk: regular files alone, through symbolic links to them."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import IO

from tfdata.storage.base import COPY_BYTES, StorageError
from tfdata.storage.files import open_regular


class LocalStorage:
    """Implements `Storage` for a folder on a disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        with self._open(name) as file:
            return file.read()

    def download(self, name: str, file: IO[bytes]) -> None:
        with self._open(name) as source:
            shutil.copyfileobj(source, file, COPY_BYTES)

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        found = {}
        for name in names:
            try:
                status = (self._folder / name).stat()
            except (OSError, ValueError):
                continue
            if not stat.S_ISREG(status.st_mode):
                raise StorageError(str(self._folder / name), "it is not a regular file")
            found[name] = status.st_size
        return found

    def _open(self, name: str) -> BufferedReader:
        try:
            return open_regular(self._folder / name)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            reason = getattr(error, "strerror", None) or str(error)
            raise StorageError(str(self._folder / name), reason) from None
