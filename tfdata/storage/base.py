"""The interface of storage: what readers and builds need of a folder, wherever it is.

`tfdata.storage.factory` returns the implementation for a path or URL. File names are relative to
the folder, with slashes.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, TypeGuard

from tfdata.storage.addresses import check_address

COPY_BYTES = 1 << 20  # read at a time


@dataclass(frozen=True)
class Address:
    """The URL of a folder that a build reads or writes.

    Attributes:
      url: such as s3://bucket/set, without a slash at its end.
      beam_flags: flags of the build, which may say how the store is reached. They are sent to
        workers with the address, because workers of a pool get no pipeline options.
    """

    url: str
    beam_flags: tuple[str, ...] = field(default=(), repr=False)  # may contain credentials

    def __post_init__(self) -> None:
        """Raises ValueError for a URL with credentials or a query."""
        check_address(self.url)

    def __str__(self) -> str:
        return self.url


Place = Path | Address


class StorageError(OSError):
    """A failed request to storage; `reason`, also `strerror`, is a clause for an error message."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(errno.EIO, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.url} cannot be used: {self.reason}."

    def __reduce__(self) -> tuple[type[StorageError], tuple[str, str]]:
        return StorageError, (self.url, self.reason)


class Storage(Protocol):
    """A folder to read from.

    Every method raises FileNotFoundError for a missing file, and else StorageError.
    """

    def read(self, name: str) -> bytes:
        """Returns the content of a small file."""
        ...

    def download(self, name: str, file: IO[bytes]) -> None:
        """Copies the content of a file of any size into an open file."""
        ...

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Returns the size in bytes of each of the files; missing files are left out."""
        ...


class WritableStorage(Storage, Protocol):
    """A folder to read from and to write to."""

    def is_empty(self) -> bool:
        """Returns whether the folder is missing or empty; a build calls this first."""
        ...

    def list_files(self, folder: str = "") -> dict[str, int]:
        """Returns name and size of the files directly in a folder; empty if it does not exist."""
        ...

    def upload(self, file: IO[bytes], name: str) -> None:
        """Writes a file from an open file; it appears under its name when it is complete."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Deletes files; those that are missing are ignored."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a listing.

    Attributes:
      path: path below the folder that was listed.
      size: number of bytes.
      version: text that changes with the content, such as an entity tag.
      modified: time of the last change, in Unix time.
    """

    path: str
    size: int
    version: str
    modified: float


class ListableStorage(Protocol):
    """A folder of a corpus. Errors are those of `Storage`."""

    def read(self, name: str) -> bytes:
        """Returns the content of a file, which has to fit into memory."""
        ...

    def download(self, name: str, file: IO[bytes]) -> None:
        """Copies the content of a file of any size into an open file."""
        ...

    def folders(self) -> list[str]:
        """Returns the names of the folders directly in this one; a build calls this first."""
        ...

    def list_files(self, folder: str = "") -> dict[str, int]:
        """Returns name and size of the files directly in a folder; empty if it does not exist."""
        ...

    def walk(self, folder: str) -> Iterator[StoredFile]:
        """Yields the files below a folder, at any depth; their paths are relative to it."""
        ...


def is_address(folder: str | Path) -> TypeGuard[str]:
    """Returns whether this is a URL; a URL has to stay text, because `Path` drops a slash."""
    return isinstance(folder, str) and "://" in folder
