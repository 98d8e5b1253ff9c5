"""Where a data set's folder lies, and what the build needs of that place.

A folder on a disk is a path, a folder of an object store an address, such as s3://bucket/set, which
`beam_store` keeps through Beam's file systems. Names are relative to the folder, with slashes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from tfdata.storage.addresses import check_address
from tfdata.storage.files import create_file, open_lock, open_regular

WORK_NAME = ".build"
LOCK_NAME = f"{WORK_NAME}/lock"  # also tells a build's folder from any other `.build`


@dataclass(frozen=True)
class Address:
    """A folder that one of Beam's file systems knows.

    Attributes:
      url: without a slash at its end.
      beam_flags: the build's, which may say how the store is reached. They travel with the address,
        as workers of a pool are told no options.
    """

    url: str
    beam_flags: tuple[str, ...] = field(default=(), repr=False)  # may contain credentials

    def __post_init__(self) -> None:
        """Raises ValueError for a URL with credentials or a query."""
        check_address(self.url)

    def __str__(self) -> str:
        return self.url


Place = Path | Address


class Store(Protocol):
    """A data set's folder. Every method raises OSError, with `strerror`, if the place refuses."""

    poll_seconds: float  # between questions how far a build has come

    def holds_anything(self) -> bool:
        """Whether there is anything at all in the folder."""
        ...

    def claimed(self) -> AbstractContextManager[None]:
        """Marks the folder as a build's; raises BlockingIOError if another build is known there."""
        ...

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Name to bytes of each file in the folder, or in one below it; none if there is none."""
        ...

    def read(self, name: str) -> bytes:
        """A small file; raises FileNotFoundError if there is none."""
        ...

    def replace(self, contents: Mapping[str, bytes]) -> None:
        """Writes small files, in the given order; each is the old one or the whole new one."""
        ...

    def settle(self) -> None:
        """Waits until the names of the files in the folder would outlive a loss of power."""
        ...

    def new_file(self, label: str) -> AbstractContextManager[IO[bytes]]:
        """A file on a disk to write a shard into; it is gone after, unless it was published."""
        ...

    def publish(self, file: IO[bytes], name: str) -> None:
        """Gives a new file its name in the folder, where it appears whole."""
        ...

    def still_holds(self, name: str, size: int, sha256: str) -> bool:
        """Whether a file that was published is still what it was."""
        ...

    def last_read(self, names: Iterable[str]) -> dict[str, float]:
        """Returns when files were last read, in Unix time, where the place records that."""
        ...

    def near(self, name: str) -> AbstractContextManager[Path]:
        """A file on a disk with the content of one in the folder."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Removes files; none of them needs to be there."""
        ...


def store_at(place: Place) -> Store:
    """The folder at a path or an address.

    Raises:
      OSError: nothing that is installed knows the address.
    """
    if isinstance(place, Path):
        return DiskStore(place)
    # Most builds need none of these.
    if place.url.startswith("s3://"):
        from beam_pipelines.shards.s3_store import S3Store

        return S3Store(place)
    from beam_pipelines.shards.beam_store import BeamStore

    return BeamStore(place)


class DiskStore:
    """A folder on a disk: temporary names and renaming, and content that outlives a power cut.

    Symbolic links in it are not followed, and files that are there are not opened for writing.
    """

    poll_seconds = 0.5

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds_anything(self) -> bool:
        return self._folder.is_dir() and any(self._folder.iterdir())

    @contextmanager
    def claimed(self) -> Iterator[None]:
        (self._folder / WORK_NAME).mkdir(parents=True, exist_ok=True)
        lock = open_lock(self._folder / LOCK_NAME)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(lock)

    def sizes(self, folder: str = "") -> dict[str, int]:
        try:
            with os.scandir(self._folder / folder) as entries:
                return {
                    entry.name: entry.stat(follow_symlinks=False).st_size
                    for entry in entries
                    if entry.is_file(follow_symlinks=False)
                }
        except FileNotFoundError:
            return {}

    def read(self, name: str) -> bytes:
        with open_regular(self._folder / name) as file:
            return file.read()

    def replace(self, contents: Mapping[str, bytes]) -> None:
        """None is replaced before all are written."""
        written: list[tuple[Path, Path]] = []
        try:
            for name, content in contents.items():
                path = self._folder / name
                temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
                written.append((temporary, path))
                with create_file(temporary) as file:
                    file.write(content)
                    _flush(file)
            for temporary, path in written:
                temporary.replace(path)
        except OSError:
            for temporary, _ in written:
                temporary.unlink(missing_ok=True)
            raise

    def settle(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def new_file(self, label: str) -> Iterator[IO[bytes]]:
        temporary = self._folder / WORK_NAME / f"{label}.{uuid.uuid4().hex}.tmp"
        try:
            with create_file(temporary) as file:
                yield file
        finally:
            temporary.unlink(missing_ok=True)

    def publish(self, file: IO[bytes], name: str) -> None:
        _flush(file)
        Path(file.name).replace(self._folder / name)

    def still_holds(self, name: str, size: int, sha256: str) -> bool:
        """Byte for byte: disks rot, and people edit."""
        del size
        try:
            with open_regular(self._folder / name) as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def last_read(self, names: Iterable[str]) -> dict[str, float]:
        """Linux (`relatime`) updates the time of a file that is read often once a day."""
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = (self._folder / name).stat(follow_symlinks=False).st_atime
        return found

    @contextmanager
    def near(self, name: str) -> Iterator[Path]:
        yield self._folder / name

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
