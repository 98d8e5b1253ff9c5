"""Opens, creates and replaces files in folders whose content is not trusted.

A dataset or run from another source may contain symbolic links, hard links, FIFOs and devices.
Reading one of them must not block, and writing must not change files outside of the folder. So
only regular files are read, existing files are never opened for writing, and files are replaced by
renaming.
"""

from __future__ import annotations

import errno
import json
import os
import re
import reprlib
import stat
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import partial
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any

from tfdata.text import printable

# In lower case.
_CLUTTER = {
    "$recycle.bin",
    "@eadir",
    ".ds_store",
    ".directory",
    ".gitattributes",
    ".gitignore",
    ".gitkeep",
    ".keep",
    ".localized",
    "desktop.ini",
    "lost+found",
    "ehthumbs.db",
    "thumbs.db",
}
MAX_DIGITS = 1000  # of an integer in JSON; those of 64 bits have 19
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Opens a regular file for reading; symbolic links to regular files are followed.

    Raises:
      OSError: it cannot be opened, or is a FIFO, a device, a socket or a folder.
    """
    # Opening a FIFO for reading waits for a writer, except with O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
    return os.fdopen(descriptor, "rb")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a small JSON file.

    Raises:
      OSError: as `open_regular` does.
      ValueError: it is not JSON in UTF-8, or is nested too deeply.
    """
    with open_regular(path) as file:
        return parse_json(file.read())


def parse_json(content: str | bytes) -> Any:
    """Parses JSON that may have been tampered with.

    Raises:
      ValueError: it is empty or not JSON in UTF-8, is nested too deeply, has a key twice, a number
        of too many digits, or text that is not Unicode.
    """
    try:
        text = content.decode() if isinstance(content, bytes) else content
        if not text.strip():
            raise ValueError("it is empty")
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
        if _ESCAPED_SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()  # halves of a pair cannot be printed
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeError:
        raise ValueError("it is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it is not JSON in {place}: {error.msg}") from None
    return value


def _integer(digits: str) -> int:
    """Converts an integer of JSON; Python's error for very many digits is about Python."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object of parsed JSON; readers would differ in which of two equal keys they use."""
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"it has the key {reprlib.repr(name)} twice in one object")
    return found


def create_file(path: str | os.PathLike[str], mode: int = 0o666) -> BufferedRandom:
    """Creates a file and opens it for writing and reading.

    Args:
      path: of the file.
      mode: its permissions, of which the umask removes some.

    Raises:
      OSError: it cannot be created, or the name exists, even as a dangling link.
    """
    # O_CREAT | O_EXCL, which follows no link.
    return open(path, "x+b", opener=partial(os.open, mode=mode))


def replace_file(path: str | os.PathLike[str], content: bytes, mode: int = 0o666) -> None:
    """Writes a file atomically: readers see the old or the new content.

    A symbolic link of that name is replaced; the file that it points to is not changed.

    Args:
      path: of the file.
      content: the new content.
      mode: permissions of the new file, of which the umask removes some.

    Raises:
      OSError: it cannot be written; names the file.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with create_file(temporary, mode) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:  # such as a full disk, which names no file
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    except BaseException:  # such as Ctrl-C
        temporary.unlink(missing_ok=True)
        raise


def is_clutter(name: str) -> bool:
    """Returns whether file managers, disks or Git leave a file or directory of this name."""
    return name.lower() in _CLUTTER or name.startswith("._")


def open_lock(path: str | os.PathLike[str]) -> int:
    """Opens a file to lock, and creates it if it is missing; returns the descriptor.

    The content is not changed, because it may be a hard link. NFS can only lock files that are open
    for writing.

    Raises:
      OSError: it cannot be opened, or is not a regular file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
    return descriptor


def check_no_links(folder: str | os.PathLike[str]) -> None:
    """Checks that a folder contains no symbolic link, at any depth, before files are written to it.

    The folder itself may be a link, because the user named it.

    Raises:
      OSError: names the first link, those of a folder before those of its folders; `strerror` is a
        clause for an error message.
    """
    for path in _links(str(folder)):
        raise OSError(
            errno.ELOOP,
            f"{printable(os.path.relpath(path, folder))} in it is a symbolic link, and links "
            f"inside of an output folder are not followed; remove it",
            path,
        )


def _links(folder: str) -> Iterator[str]:
    folders = [folder]  # not recursive: folders may be nested more deeply than calls
    while folders:
        try:
            with os.scandir(folders.pop()) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield from (entry.path for entry in entries if entry.is_symlink())
        inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        folders.extend(reversed(inner))
