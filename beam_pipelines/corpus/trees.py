"""Where a tree of media lies, and what the build needs of that place: names, stamps and bytes.

A tree is a folder on disks that every worker mounts, or an address, s3://bucket/faces. Paths are
below its root, with slashes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from beam_pipelines.shards.stores import Address, Place
from tfdata.storage.files import open_regular


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path below the folder that was listed, and what changes when it does."""

    below: str
    stamp: str


@dataclass(frozen=True)
class Trouble:
    """What could not be listed, by its path below the root, and why."""

    path: str
    why: str


class Tree(Protocol):
    """A tree of media. An address that refuses raises BuildError, a disk OSError."""

    def folders(self) -> list[str]:
        """The names of the folders right below the root, but for hidden ones."""
        ...

    def files(self, folder: str, suffixes: tuple[str, ...]) -> Iterator[Entry | Trouble]:
        """All files below a folder, at any depth, that end in one of the suffixes."""
        ...

    def source(self, path: str) -> Path | BinaryIO:
        """What the functions of `features` read a file from."""
        ...

    def is_readable(self, path: str) -> bool:
        """Whether the bytes of a file can be had, whatever they are worth."""
        ...


def tree_at(place: Place) -> Tree:
    """The tree at a path or an address."""
    if isinstance(place, Address):
        from beam_pipelines.corpus.s3_tree import S3Tree  # most builds need none

        return S3Tree(place)
    return DiskTree(place)


def is_medium(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().endswith(suffixes) and not name.startswith(".")


class DiskTree:
    """A folder on a disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folders(self) -> list[str]:
        with os.scandir(self._root) as entries:
            return [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]

    def files(self, folder: str, suffixes: tuple[str, ...]) -> Iterator[Entry | Trouble]:
        top = str(self._root / folder)
        for found in _walk(top):
            if isinstance(found, OSError):
                yield self._trouble(found.filename, found.strerror or str(found))
                continue
            parent, name = found
            if not is_medium(name, suffixes):
                continue
            path = f"{parent}/{name}"
            below = path.removeprefix(f"{top}/")
            try:
                below.encode()
                status = os.stat(path)  # noqa: PTH116
            except UnicodeEncodeError:
                yield self._trouble(path, "its path is not UTF-8")
            except OSError as error:
                yield self._trouble(path, error.strerror or str(error))
            else:
                if stat.S_ISREG(status.st_mode):
                    yield Entry(below, f"{status.st_size}:{status.st_mtime_ns}")
                else:
                    yield self._trouble(path, "not a regular file")

    def source(self, path: str) -> Path:
        return self._root / path

    def is_readable(self, path: str) -> bool:
        try:
            with open_regular(self._root / path) as file:
                while file.read(1 << 20):
                    pass
        except OSError:
            return False
        return True

    def _trouble(self, path: str, why: str) -> Trouble:
        shown = os.fsencode(Path(path).relative_to(self._root)).decode("utf-8", "backslashreplace")
        return Trouble(shown, why)


def _walk(top: str) -> Iterator[tuple[str, str] | OSError]:
    """Folder and name of all files below one, through links but never in a circle; what stopped it.

    As strings: to make a `Path` of each of millions of files takes longer than to look at it.
    """
    errors: list[OSError] = []
    seen = set()
    for parent, folders, names in os.walk(top, onerror=errors.append, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from ((parent, name) for name in names)
    yield from errors
