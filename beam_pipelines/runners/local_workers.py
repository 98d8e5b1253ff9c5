"""Checks, watches and logs the worker processes of a build on one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

from beam_pipelines.errors import BuildError
from tfdata.interrupts import INTERRUPTING, TERMINATING
from tfdata.storage.addresses import mask_secrets

STOP_SECONDS = 5.0  # for workers to end by themselves; docker waits twice as long before it kills


class WorkerProcesses:
    """Worker processes of one run, none of which outlives it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended = False

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes] | None:
        """Starts a worker; returns None if the run has ended.

        Must not be called in the main thread: an interrupt is raised there, and would lose a
        process that has just been started.
        """
        # A child inherits blocked signals. Ctrl-C reaches all processes of a terminal, as SIGTERM
        # does those of a batch job, and the death of a worker must not be reported as the failure.
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTING)
        with self._lock:
            if self._ended:
                return None
            process = subprocess.Popen(command)
            self._processes.append(process)
            return process

    def end(self, seconds: float) -> None:
        """Waits some seconds for the workers to end, and kills those that have not."""
        with self._lock:
            self._ended = True
        deadline = time.monotonic() + seconds
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_processes = WorkerProcesses()


def start_worker(command: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """Starts a worker process of the present run; see `WorkerProcesses.start`."""
    return _processes.start(command)


def check_importable() -> None:
    """Checks that worker processes can import this package; Beam would hang otherwise.

    Raises:
      BuildError: they cannot.
    """
    code = "from importlib.util import find_spec as f; raise SystemExit(not f('beam_pipelines'))"
    # Ctrl-C reaches the child process as well, which would print a traceback.
    command = [sys.executable, "-c", code]
    if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:
        raise BuildError(
            "Worker processes cannot import 'beam_pipelines'; install it: 'make setup', or "
            "'pip install -e .' in the directory of the project."
        )


@contextmanager
def worker_logs(log: TextIO, secrets: Iterable[str] = ()) -> Iterator[TextIO]:
    """Redirects the standard error of this process and its workers into a file.

    Local workers inherit the descriptor and log each of their steps to it. At the end, credentials
    in the file are masked.

    Args:
      log: the file.
      secrets: values to mask in addition.

    Yields:
      A stream that still writes to the terminal.
    """
    sys.stderr.flush()
    terminal_fd = os.dup(2)
    with os.fdopen(terminal_fd, "w", buffering=1) as terminal:
        os.dup2(log.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            try:
                with suppress(OSError):  # must not hide the error that ended the build
                    _mask_log(log, secrets)
            finally:
                os.dup2(terminal_fd, 2)


def _mask_log(log: TextIO, secrets: Iterable[str]) -> None:
    """Masks credentials in the log.

    The file is rewritten in place, because this process and its workers share its offset.
    """
    log.flush()
    written = log.fileno()
    text = os.pread(written, os.fstat(written).st_size, 0).decode("utf-8", "surrogateescape")
    values = tuple(secrets)
    masked = "".join(mask_secrets(line, values) for line in text.splitlines(keepends=True))
    if masked != text:
        os.ftruncate(written, 0)
        os.lseek(written, 0, os.SEEK_SET)
        os.write(written, masked.encode("utf-8", "surrogateescape"))


def bypass_proxies() -> None:
    """Keeps gRPC from using a proxy for connections on this machine."""
    for name in ("no_proxy", "NO_PROXY"):
        given = os.environ.get(name)
        os.environ[name] = ",".join(filter(None, (given, "localhost", "127.0.0.1", "::1")))


@contextmanager
def raise_worker_deaths() -> Iterator[None]:
    """Ends the body with a BuildError if a worker process dies; Beam would wait for ever.

    The thread that watches the worker (see `local_environment`) raises the error, and a hook for
    uncaught exceptions of threads interrupts the main thread. Workers that end because of Ctrl-C
    or SIGTERM are no failure. All workers end with the body.
    """
    global _processes
    _processes = WorkerProcesses()
    deaths: list[str] = []
    interrupted, ending = threading.Event(), threading.Event()
    previous_hook = threading.excepthook
    previous = {number: signal.getsignal(number) for number in INTERRUPTING}

    def hook(args: threading.ExceptHookArgs) -> None:
        if isinstance(args.exc_value, BuildError) and not interrupted.is_set():
            deaths.append(str(args.exc_value))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        previous_hook(args)

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        ending.set()
        handler = previous[signal.Signals(number)]
        if number != signal.SIGINT and callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt

    def end_workers(processes: WorkerProcesses) -> None:
        ending.wait()
        processes.end(STOP_SECONDS)

    # Started here: a handler of a signal cannot start a thread while the main thread starts one.
    reaper = threading.Thread(target=end_workers, args=(_processes,), daemon=True)
    reaper.start()
    threading.excepthook = hook
    signal.signal(signal.SIGINT, interrupt)
    for number in TERMINATING:
        if callable(previous[number]):
            signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        # Threads of Beam outlive this and fail, too.
        previous_hook = _ignore
        if not deaths:
            raise
        raise BuildError(deaths[0]) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        ending.set()
        reaper.join()
        threading.excepthook = previous_hook


def _ignore(args: threading.ExceptHookArgs) -> None:
    del args
