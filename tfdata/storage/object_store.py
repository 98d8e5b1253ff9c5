"""What all object stores have in common: a folder is the beginning of the names of objects."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace

from tfdata.storage.base import StoredFile


class ObjectStorage(ABC):
    """Lists a folder of an object store. Errors are those of `Storage`."""

    @abstractmethod
    def _list(self, prefix: str, delimiter: str = "") -> Iterator[StoredFile]:
        """Yields the objects whose paths begin with a prefix, relative to the folder.

        Objects whose names end in a slash, which consoles make for folders, are left out, and so is
        what has the delimiter after the prefix.
        """

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Lists what begins as all the names do: one request for 1,000 files, not one for each."""
        names = set(names)
        if not names:
            return {}
        delimiter = "" if any("/" in name for name in names) else "/"
        listed = self._list(os.path.commonprefix([*names]), delimiter)  # noqa: RUF071 (of keys)
        return {object.path: object.size for object in listed if object.path in names}

    def list_files(self, folder: str = "") -> dict[str, int]:
        """Returns name and size of the files directly in a folder; empty if it does not exist."""
        inside = f"{folder}/" if folder else ""
        listed = self._list(inside, delimiter="/")
        return {object.path.removeprefix(inside): object.size for object in listed}

    def walk(self, folder: str) -> Iterator[StoredFile]:
        """Yields the objects below a folder, at any depth; their paths are relative to it."""
        inside = f"{folder}/"
        for found in self._list(inside):
            yield replace(found, path=found.path.removeprefix(inside))
