"""Lists and reads the media of a corpus: a folder on disks that every worker mounts, or at a URL.

Paths are relative to the root of the tree, with slashes.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Protocol

from beam_pipelines.corpus.fetched_files import FetchedFiles
from beam_pipelines.corpus.ignored import ignored_at_root, ignored_reason
from beam_pipelines.corpus.walk import RepeatedLink, count_files, walk
from beam_pipelines.errors import BuildError
from facevoice.features import MediaError, Reason
from facevoice.features.file_types import READ_VIDEO_SUFFIXES, has_suffix
from facevoice.features.helper_files import is_helper_folder, is_hidden_file
from tfdata.storage.base import Address, Place, StorageError
from tfdata.storage.factory import corpus_storage_at
from tfdata.storage.files import open_regular


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A listed file.

    Attributes:
      path: path below the listed folder.
      stamp: text that changes with the file.
      modified: time of its last change, in Unix time.
    """

    path: str
    stamp: str
    modified: float


@dataclass(frozen=True)
class UnlistedFile:
    """A file or folder that cannot be listed: its path below the root, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class IgnoredEntries:
    """Numbers of ignored files, by the reasons of `corpus.ignored.Ignored`."""

    counts: Counter[str]


Listed = FileEntry | UnlistedFile | RepeatedLink | IgnoredEntries


class Tree(Protocol):
    """A tree of media. A tree at a URL raises BuildError for failed requests, on a disk OSError."""

    def folders(self) -> list[str]:
        """Returns the names of the folders directly below the root, without helper folders."""
        ...

    def ignored(self) -> Counter[str]:
        """Returns the numbers of files in no folder of `folders`, by the reasons of `Ignored`."""
        ...

    def files(self, folder: str, suffixes: tuple[str, ...]) -> Iterator[Listed]:
        """Yields all files below a folder, at any depth, that end in one of the suffixes.

        The last element is the numbers of other files.
        """
        ...

    def real_path(self, folder: str) -> str:
        """Returns the path of a folder without links."""
        ...

    def links(self, folders: Iterable[str]) -> list[str]:
        """Returns those of the folders that are links, with their targets: "annie -> ann"."""
        ...

    def source(self, path: str) -> Path | BytesIO:
        """Returns what the functions of `features` read a file from."""
        ...

    def is_readable(self, path: str) -> bool:
        """Returns whether the bytes of a file can be read, valid or not."""
        ...


def tree_at(place: Place) -> Tree:
    """Returns the tree at a path or URL."""
    return RemoteTree(place) if isinstance(place, Address) else DiskTree(place)


class DiskTree:
    """A tree of media on a disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folders(self) -> list[str]:
        with os.scandir(self._root) as entries:
            return [e.name for e in entries if e.is_dir() and not is_helper_folder(e.name)]

    def ignored(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        with os.scandir(self._root) as entries:
            for entry in entries:
                if not entry.is_dir():
                    counts[ignored_at_root(entry.name)] += 1
                elif is_helper_folder(entry.name):
                    counts[f"{entry.name}/"] += count_files(entry.path)
        return counts

    def files(self, folder: str, suffixes: tuple[str, ...]) -> Iterator[Listed]:
        top = str(self._root / folder)
        ignored: Counter[str] = Counter()
        for found in walk(top, partial(_is_media, suffixes=suffixes), ignored):
            if isinstance(found, OSError):
                yield self._unlisted(found.filename, found.strerror or str(found))
                continue
            if isinstance(found, RepeatedLink):
                yield RepeatedLink(self._below_root(found.path))
                continue
            parent, name = found
            path = f"{parent}/{name}"
            below = path.removeprefix(f"{top}/")
            try:
                below.encode()
                status = os.stat(path)  # noqa: PTH116
            except UnicodeEncodeError:
                yield self._unlisted(path, "its path is not UTF-8")
            except OSError as error:
                yield self._unlisted(path, error.strerror or str(error))
            else:
                if stat.S_ISREG(status.st_mode):
                    stamp = f"{status.st_size}:{status.st_mtime_ns}"
                    yield FileEntry(below, stamp, status.st_mtime)
                else:
                    yield self._unlisted(path, "not a regular file")
        yield IgnoredEntries(ignored)

    def real_path(self, folder: str) -> str:
        return os.path.realpath(self._root / folder)

    def links(self, folders: Iterable[str]) -> list[str]:
        paths = {folder: self._root / folder for folder in folders}
        return [
            f"{folder} -> {path.readlink()}" for folder, path in paths.items() if path.is_symlink()
        ]

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

    def _unlisted(self, path: str, reason: str) -> UnlistedFile:
        return UnlistedFile(self._below_root(path), reason)

    def _below_root(self, path: str) -> str:
        return os.fsencode(Path(path).relative_to(self._root)).decode("utf-8", "backslashreplace")


class RemoteTree:
    """A tree of media at a URL: in S3, Google Cloud Storage or HDFS.

    An image or clip is read into memory as a whole: face images have about 6 KB, and clips of
    VoxCeleb 256 KB. So each clip is read twice, once for its header; to read only a part would take
    as many requests. Videos are copied to a disk, and kept there for the next moment of the same
    video (see `FetchedFiles`).
    """

    def __init__(self, address: Address) -> None:
        self._fetched = FetchedFiles()
        with _as_build_errors():
            self._storage = corpus_storage_at(address)

    def folders(self) -> list[str]:
        with _as_build_errors():
            return [name for name in self._storage.folders() if not is_helper_folder(name)]

    def ignored(self) -> Counter[str]:
        with _as_build_errors():
            counts = Counter(ignored_at_root(name) for name in self._storage.list_files() if name)
            for folder in filter(is_helper_folder, self._storage.folders()):
                counts[f"{folder}/"] += sum(1 for _ in self._storage.walk(folder))
        return counts

    def files(self, folder: str, suffixes: tuple[str, ...]) -> Iterator[Listed]:
        ignored: Counter[str] = Counter()
        with _as_build_errors():
            for found in self._storage.walk(folder):
                *folders, name = found.path.split("/")
                if helpers := [each for each in folders if is_helper_folder(each)]:
                    ignored[f"{helpers[0]}/"] += 1
                elif _is_media(name, suffixes):
                    stamp = f"{found.size}:{found.version}"
                    yield FileEntry(found.path, stamp, found.modified)
                elif name:  # an object that stands for a folder has none
                    ignored[ignored_reason(name)] += 1
        yield IgnoredEntries(ignored)

    def real_path(self, folder: str) -> str:
        return folder

    def links(self, folders: Iterable[str]) -> list[str]:
        return []

    def source(self, path: str) -> Path | BytesIO:
        with _as_build_errors():
            try:
                if has_suffix(path, READ_VIDEO_SUFFIXES):
                    return self._fetched.fetch(path, self._storage.download)
                return BytesIO(self._storage.read(path))
            except FileNotFoundError:
                raise MediaError(Reason.UNREADABLE, "No such file or directory") from None
            except StorageError:
                raise
            except OSError as error:
                raise BuildError(
                    f"{path} cannot be copied to {tempfile.gettempdir()}: {error.strerror}; free "
                    f"space there, or name another directory in TMPDIR."
                ) from None

    def is_readable(self, path: str) -> bool:
        try:
            self.source(path)
        except (BuildError, MediaError):
            return False
        return True


@contextmanager
def _as_build_errors() -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise BuildError(str(error)) from None


def _is_media(name: str, suffixes: tuple[str, ...]) -> bool:
    return has_suffix(name, suffixes) and not is_hidden_file(name)
