"""Makes one call of a program to the operating system fail: at a file, at a random moment.

Calls are counted by operation: opening, reading, writing, renaming and so on of a file below some
folders. So a call is chosen among those that an undisturbed program makes.
"""

from __future__ import annotations

import _thread
import builtins
import io
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EACCES, EIO, EMFILE, ENOSPC, EROFS, ESTALE
from pathlib import Path
from typing import Any

import pytest

OF_PATHS = ("open", "stat", "lstat", "scandir", "replace", "unlink", "mkdir")  # functions of os


# What a fault does, given the path that the error of a real call would name.
Fault = Callable[[str | None], None]


def refuse(code: int) -> Fault:
    def fail(path: str | None) -> None:
        raise OSError(code, os.strerror(code), path)

    return fail


def exhaust_memory(_: str | None) -> None:
    raise MemoryError


def interrupt(sent: signal.Signals) -> Fault:
    """Lets a signal arrive, as Ctrl-C and `kill` send it: in the main thread."""
    return lambda _: _thread.interrupt_main(sent)


FAULTS: dict[str, Fault] = {
    "EIO": refuse(EIO),
    "ENOSPC": refuse(ENOSPC),
    "EACCES": refuse(EACCES),
    "EMFILE": refuse(EMFILE),
    "ESTALE": refuse(ESTALE),
    "EROFS": refuse(EROFS),
    "MemoryError": exhaust_memory,
    "SIGINT": interrupt(signal.SIGINT),
    "SIGTERM": interrupt(signal.SIGTERM),
}


class Calls:
    """Counts calls, and makes one of them fail.

    Args:
      folders: calls with other paths are not counted.
      operation, at, fault: the call of an operation, from 0, in whose place the fault comes.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        operation: str | None = None,
        at: int = 0,
        fault: Fault | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.hit: str | None = None  # the path, when the fault has come
        self._folders = tuple(f"{folder}/" for folder in folders)
        self._operation, self._at, self._fault = operation, at, fault
        self._lock = threading.Lock()

    def arrive(self, operation: str, path: object) -> None:
        """Counts a call; raises what the fault raises."""
        if isinstance(path, int):
            path = _opened(path)
        if not isinstance(path, str | os.PathLike) or not self._is_watched(os.fspath(path)):
            return
        with self._lock:
            number = self.counts[operation]
            self.counts[operation] += 1
        if (operation, number) == (self._operation, self._at) and self._fault is not None:
            self.hit = str(path)
            self._fault(None if operation in ("read", "write", "fsync") else str(path))

    def _is_watched(self, path: str | bytes) -> bool:
        return isinstance(path, str) and f"{path}/".startswith(self._folders)

    @contextmanager
    def installed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            usual = {name: getattr(os, name) for name in (*OF_PATHS, "fsync")}
            for name, function in usual.items():
                patch.setattr(os, name, self._counting(name, function))
            opened = self._opening(io.open)
            patch.setattr(builtins, "open", opened)
            patch.setattr(io, "open", opened)
            yield

    def _counting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any = ".", *others: Any, **settings: Any) -> Any:
            self.arrive(name, path)
            return function(path, *others, **settings)

        return counted

    def _opening(self, usual: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Any, *others: Any, **settings: Any) -> Any:
            if not isinstance(path, int):
                self.arrive("open", path)
            file = usual(path, *others, **settings)
            name = _opened(file.fileno())
            return _File(file, name, self) if self._is_watched(name) else file

        return opened


def _opened(descriptor: int) -> str:
    """Returns the path of an open file."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


class _File:
    """An open file that counts reading and writing."""

    def __init__(self, file: Any, path: str, calls: Calls) -> None:
        self._file, self._path, self._calls = file, path, calls

    def read(self, *size: int) -> Any:
        self._calls.arrive("read", self._path)
        return self._file.read(*size)

    def write(self, content: Any) -> Any:
        self._calls.arrive("write", self._path)
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)
