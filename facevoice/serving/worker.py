"""Runs a backend in a separate process, which is replaced when a request takes too long.

Decoders of images and audio are C code, and uploaded files are not trusted. If a decoder hangs or
crashes, the server ends only this process, and starts another one.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from facevoice.features.native_output import without_native_stderr
from facevoice.serving.answers import Answer, Backend
from tfdata.errors import FaceVoiceError

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
_EXIT_SECONDS = 5.0  # for a process that ends by itself


class WorkerError(FaceVoiceError):
    """Raised if a request takes too long, or ends the process that works on it."""


class WorkerBackend:
    """A backend in another process; see `answers.Backend` and `GalleryBackend`.

    It is used by one thread at a time.
    """

    def __init__(self, open_backend: Callable[[], Backend], work_seconds: float) -> None:
        """Starts the process and opens the backend in it.

        Args:
          open_backend: called in the process; it is pickled.
          work_seconds: for a request, after which the process is replaced.

        Raises:
          FaceVoiceError, OSError, ImportError: of `open_backend`.
        """
        self._open, self._seconds = open_backend, work_seconds
        self._start()
        self.title, self.accepts, self.has_gallery = self._receive(None)

    def warm(self) -> None:
        """Does nothing: the process has prepared its backend when it was started."""

    def identify(self, media: Mapping[str, str]) -> Answer:
        """Calls `identify` of the backend.

        Raises:
          WorkerError: it takes too long, or crashes.
          FaceVoiceError: of the backend.
        """
        answer: Answer = self._call("identify", media)
        return answer

    def people(self) -> dict[str, dict[str, int]]:
        """Calls `people` of a gallery's backend; raises as `identify`."""
        people: dict[str, dict[str, int]] = self._call("people")
        return people

    def enroll(self, name: str, media: Mapping[str, str], files: Mapping[str, str]) -> int:
        """Calls `enroll` of a gallery's backend; raises as `identify`."""
        added: int = self._call("enroll", name, media, files)
        return added

    def forget(self, name: str) -> None:
        """Calls `forget` of a gallery's backend; raises as `identify`."""
        self._call("forget", name)

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        self._connection, theirs = _SPAWN.Pipe()
        self._process: BaseProcess = _SPAWN.Process(
            target=_work, args=(self._open, theirs), name="facevoice-worker", daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is seen here
        self._is_new = True

    def _call(self, method: str, *args: Any) -> Any:
        if self._is_new:
            if not self._process.is_alive():  # the backend could not be opened again
                self._start()
            self._receive(None)
        try:
            self._connection.send((method, args))
        except OSError:
            raise self._replace() from None
        return self._receive(self._seconds)

    def _receive(self, seconds: float | None) -> Any:
        """Returns what the process sends.

        Args:
          seconds: to wait; None for what it sends when it is ready.

        Raises:
          WorkerError: it sends nothing in that time, or has ended.
          Exception: it sends an error.
        """
        try:
            if not self._connection.poll(seconds):
                self.close()
                self._start()
                raise WorkerError(
                    f"The files could not be read within {seconds:g} s; send shorter or smaller "
                    f"ones."
                )
            result = self._connection.recv()
        except (EOFError, OSError):
            raise self._replace() from None
        if isinstance(result, Exception):
            raise result
        self._is_new = False
        return result

    def _replace(self) -> WorkerError:
        """Starts another process in place of one that has ended; returns the error to raise."""
        self._process.join(_EXIT_SECONDS)
        self.close()  # C++ libraries can hang at exit
        code = self._process.exitcode or 0
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self._start()
        return WorkerError(f"The process that reads files ended ({reason}); send other files.")


def _work(open_backend: Callable[[], Backend], connection: Connection) -> None:
    """Opens a backend and calls its methods, as long as the server runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        backend = open_backend()
        backend.warm()
        connection.send((backend.title, backend.accepts, backend.has_gallery))
    except Exception as error:
        connection.send(_sendable(error))
        return
    while True:
        try:
            method, args = connection.recv()
        except EOFError:
            return
        try:
            with without_native_stderr():
                result = getattr(backend, method)(*args)
        except Exception as error:
            result = _sendable(error)
        connection.send(result)


def _end_with_the_server() -> None:
    server = multiprocessing.parent_process()
    assert server is not None
    server.join()
    os._exit(1)


def _sendable(error: Exception) -> Exception:
    """Returns an error that another process can read; unexpected ones are logged."""
    if isinstance(error, FaceVoiceError | OSError | ImportError):
        with suppress(Exception):
            found: Exception = pickle.loads(pickle.dumps(error))
            return found
    traceback.print_exception(error)
    return RuntimeError(f"{type(error).__name__}: {error}")
