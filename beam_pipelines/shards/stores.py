"""The output folder of a build as files: locked, replaced and published, on a disk or at a URL.

File names are relative to the folder, with slashes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Protocol

from tfdata.storage.base import Address, Place
from tfdata.storage.factory import writable_storage_at
from tfdata.storage.files import create_file, is_clutter, open_lock, open_regular

WORK_NAME = ".build"
LOCK_NAME = f"{WORK_NAME}/lock"  # its presence also marks the folder as a build's


class Store(Protocol):
    """An output folder. Every method raises OSError, with `strerror`, if the place refuses."""

    poll_seconds: float  # between requests for the progress of a build

    def is_empty(self) -> bool:
        """Returns whether the folder is missing or empty, but for clutter such as .DS_Store."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Marks the folder as a build's; raises BlockingIOError if another build locks it."""
        ...

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Returns name and size of the files directly in a folder; empty if it does not exist."""
        ...

    def stamps(self) -> dict[str, str]:
        """Returns name and stamp of the files directly in the folder.

        The stamp is a text that changes with the content, as far as the place records that.
        """
        ...

    def read(self, name: str) -> bytes:
        """Reads a small file; raises FileNotFoundError if there is none."""
        ...

    def replace(self, contents: Mapping[str, bytes]) -> None:
        """Writes small files in the given order; readers see the old or the new content."""
        ...

    def sync(self) -> None:
        """Waits until the names of the files in the folder would survive a loss of power."""
        ...

    def new_file(self, label: str) -> AbstractContextManager[IO[bytes]]:
        """Creates a file on a disk to write a shard into; removes it unless it was published."""
        ...

    def publish(self, file: IO[bytes], name: str) -> None:
        """Gives a new file its name in the folder, where it appears when it is complete."""
        ...

    def still_holds(self, name: str, size: int, sha256: str) -> bool:
        """Returns whether a published file is unchanged."""
        ...

    def last_read(self, names: Iterable[str]) -> dict[str, float]:
        """Returns when files were last read, in Unix time, where the place records that."""
        ...

    def local_copy(self, name: str) -> AbstractContextManager[Path]:
        """Yields a path on a disk with the content of a file."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Deletes files; those that are missing are ignored."""
        ...


def store_at(place: Place) -> Store:
    """Returns the output folder at a path or URL.

    Raises:
      OSError: the package for the URL's scheme is not installed, or the scheme is unknown.
    """
    return RemoteStore(place) if isinstance(place, Address) else DiskStore(place)


class DiskStore:
    """A folder on a disk: files are renamed into place and survive a loss of power.

    Symbolic links in it are not followed, and existing files are not opened for writing.
    """

    poll_seconds = 0.5

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_empty(self) -> bool:
        return not self._folder.is_dir() or all(
            is_clutter(path.name) for path in self._folder.iterdir()
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
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

    def stamps(self) -> dict[str, str]:
        """Returns sizes and modification times."""
        with os.scandir(self._folder) as entries:
            found = {
                entry.name: entry.stat(follow_symlinks=False)
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            }
        return {name: f"{status.st_size}:{status.st_mtime_ns}" for name, status in found.items()}

    def read(self, name: str) -> bytes:
        with open_regular(self._folder / name) as file:
            return file.read()

    def replace(self, contents: Mapping[str, bytes]) -> None:
        """Replaces none before all are written."""
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

    def sync(self) -> None:
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
        """Compares every byte: disks corrupt files, and people edit them."""
        del size
        try:
            with open_regular(self._folder / name) as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def last_read(self, names: Iterable[str]) -> dict[str, float]:
        """Linux (`relatime`) updates the access time of a file that is read often once a day."""
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = (self._folder / name).stat(follow_symlinks=False).st_atime
        return found

    @contextmanager
    def local_copy(self, name: str) -> Iterator[Path]:
        yield self._folder / name

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


class RemoteStore:
    """A folder at a URL. Every method raises StorageError if the store refuses.

    A shard is written to a disk of the worker and uploaded when it is complete: its name has the
    digest of its content, and an object store cannot rename.

    A store has no locks, so two builds may write to it at the same time. `output_dir.publish`
    therefore checks that no shard was removed before it writes a manifest.
    """

    poll_seconds = 5.0  # each request costs money

    def __init__(self, address: Address) -> None:
        self._storage = writable_storage_at(address)

    def is_empty(self) -> bool:
        return self._storage.is_empty()

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.replace({LOCK_NAME: b"A build writes here, or has written here.\n"})
        yield

    def sizes(self, folder: str = "") -> dict[str, int]:
        return self._storage.list_files(folder)

    def stamps(self) -> dict[str, str]:
        """Returns sizes."""
        return {name: str(size) for name, size in self.sizes().items()}

    def read(self, name: str) -> bytes:
        return self._storage.read(name)

    def replace(self, contents: Mapping[str, bytes]) -> None:
        for name, content in contents.items():
            self._storage.upload(BytesIO(content), name)

    def sync(self) -> None:
        """Does nothing: a completed upload is durable."""

    @contextmanager
    def new_file(self, label: str) -> Iterator[IO[bytes]]:
        del label
        with tempfile.TemporaryFile() as file:  # without a name, so kill -9 leaves nothing
            yield file

    def publish(self, file: IO[bytes], name: str) -> None:
        file.seek(0)
        self._storage.upload(file, name)

    def still_holds(self, name: str, size: int, sha256: str) -> bool:
        """Compares the size: to read everything again would take as long as to write it."""
        del sha256
        return self._storage.sizes([name]).get(name) == size

    def last_read(self, names: Iterable[str]) -> dict[str, float]:
        """Returns nothing: stores do not record it."""
        del names
        return {}

    @contextmanager
    def local_copy(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="facevoice-") as folder:
            path = Path(folder) / name
            with path.open("wb") as file:
                self._storage.download(name, file)
            yield path

    def delete(self, names: Iterable[str]) -> None:
        self._storage.delete(names)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
