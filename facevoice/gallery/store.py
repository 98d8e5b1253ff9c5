"""Reads and writes galleries.

A gallery is a directory with the two files of `facevoice.gallery.serialization`, both of mode 0600.
A change writes a new file of embeddings, then replaces gallery.json atomically, then removes the
old file. So a gallery is the old or the new one at each moment, also if the program is killed; what
such a program left is removed by the next change. Only regular files are read.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facevoice.gallery.gallery import Gallery, GalleryError
from facevoice.gallery.serialization import (
    EMBEDDINGS_NAME,
    INDEX_NAME,
    Index,
    decode,
    encode,
    parse_index,
)
from tfdata.storage.files import is_clutter, open_regular, replace_file
from tfdata.text import printable

LOCK_WAIT_SECONDS = 10.0
_MODE = 0o600
_POLL_SECONDS = 0.05
_ATTEMPTS = 20  # to read a gallery that is being changed
_TEMPORARY_NAME = re.compile(rf"({INDEX_NAME}|{EMBEDDINGS_NAME.pattern})\.[0-9a-f]{{32}}\.tmp")


def read_gallery(folder: Path) -> Gallery:
    """Reads a gallery.

    Raises:
      GalleryError: there is none, or it is damaged.
    """
    return _load(folder)[1]


def existing_gallery(folder: Path) -> Gallery:
    """Returns the gallery in a folder, which is empty if there is none.

    Raises:
      GalleryError: it is damaged.
    """
    return read_gallery(folder) if (folder / INDEX_NAME).exists() else Gallery()


def _load(folder: Path) -> tuple[Index, Gallery]:
    """Returns the content of gallery.json, and the gallery."""
    for attempt in range(_ATTEMPTS):
        index = _read_index(folder)
        try:
            with open_regular(folder / index.embeddings.file) as file:
                content = file.read()
        except FileNotFoundError:
            # Another program has changed the gallery since the index was read.
            if attempt < _ATTEMPTS - 1:
                time.sleep(_POLL_SECONDS)
            continue
        except OSError as error:
            raise _damaged(folder, f"{index.embeddings.file}: {error.strerror}") from None
        try:
            return index, decode(index, content)
        except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise _damaged(folder, f"{index.embeddings.file}: {error}") from None
    raise _damaged(folder, f"{index.embeddings.file} is missing")


def change_gallery(
    folder: Path,
    change: Callable[[Gallery], Gallery],
    *,
    create: bool = False,
    wait_seconds: float = LOCK_WAIT_SECONDS,
) -> Gallery:
    """Changes a gallery, as one step for other programs; returns the new gallery.

    Files that a killed program left are removed, even if `change` fails.

    Args:
      folder: of the gallery.
      change: returns the new gallery.
      create: whether to begin an empty gallery if there is none.
      wait_seconds: how long to wait for another program that is changing the gallery.

    Raises:
      GalleryError: there is no gallery, it is damaged or locked, or `change` raises it.
      OSError: it cannot be written.
    """
    if create:
        _prepare(folder)
    elif not folder.is_dir():
        raise _missing(folder)
    with _lock(folder, wait_seconds):
        if create and not os.path.lexists(folder / INDEX_NAME):
            gallery = Gallery()
        else:
            index, gallery = _load(folder)
            _remove_leftovers(folder, index.embeddings.file)
        changed = change(gallery)
        _write(folder, changed)
    return changed


def _prepare(folder: Path) -> None:
    """Creates the directory of a new gallery, which only its owner may read.

    Raises:
      GalleryError: it has files of something else, or cannot be created.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise GalleryError(f"--gallery {folder} is not a directory; choose another one.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise GalleryError(f"--gallery {folder} cannot be created: {error.strerror}.") from None
    names = [path.name for path in folder.iterdir()]
    others = sorted(name for name in names if not _is_own(name) and not is_clutter(name))
    if others and INDEX_NAME not in names:
        raise GalleryError(
            f"--gallery {folder} contains {others[0]}, which is not part of a gallery; choose an "
            f"empty directory or a new one."
        )


@contextmanager
def _lock(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Locks a directory; the operating system releases the lock if the process is killed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise GalleryError(
                        f"Another program has been changing {folder} for more than "
                        f"{wait_seconds:g} s; wait for it, and run the command again."
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _read_index(folder: Path) -> Index:
    try:
        with open_regular(folder / INDEX_NAME) as file:
            return parse_index(file.read())
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(folder) from None
    except OSError as error:
        raise _damaged(folder, f"{INDEX_NAME}: {error.strerror}") from None
    except (TypeError, ValueError) as error:
        raise _damaged(folder, f"{INDEX_NAME}: {error}") from None


def _write(folder: Path, gallery: Gallery) -> None:
    index, content = encode(gallery)
    replace_file(folder / index.embeddings.file, content, _MODE)
    replace_file(folder / INDEX_NAME, index.to_json(), _MODE)
    _remove_leftovers(folder, index.embeddings.file)


def _remove_leftovers(folder: Path, kept: str) -> None:
    """Removes older embeddings, and files that a killed program did not complete."""
    for path in folder.iterdir():
        if _is_own(path.name) and path.name not in (INDEX_NAME, kept):
            path.unlink(missing_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_own(name: str) -> bool:
    return bool(
        name == INDEX_NAME or EMBEDDINGS_NAME.fullmatch(name) or _TEMPORARY_NAME.fullmatch(name)
    )


def _missing(folder: Path) -> GalleryError:
    return GalleryError(
        f"{folder} is not a gallery (it has no {INDEX_NAME}); create one with 'facevoice enroll "
        f"--gallery {folder} --name NAME --face FILE'."
    )


def _damaged(folder: Path, reason: str) -> GalleryError:
    return GalleryError(
        f"The gallery {folder} is damaged ({printable(reason).rstrip('.')}); restore a copy, or "
        f"delete it and enrol everyone again."
    )
