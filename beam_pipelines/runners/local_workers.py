"""Checks, watches and logs the worker processes of a build on one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from beam_pipelines.errors import BuildError
from tfdata.storage.addresses import mask_secrets


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
    are no failure.
    """
    deaths: list[str] = []
    interrupted = threading.Event()
    previous_hook, previous_handler = threading.excepthook, signal.getsignal(signal.SIGINT)

    def hook(args: threading.ExceptHookArgs) -> None:
        if isinstance(args.exc_value, BuildError) and not interrupted.is_set():
            deaths.append(str(args.exc_value))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        previous_hook(args)

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    threading.excepthook = hook
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        # Threads of Beam outlive this and fail, too.
        previous_hook = _ignore
        if not deaths:
            raise
        raise BuildError(deaths[0]) from None
    finally:
        signal.signal(signal.SIGINT, previous_handler)
        threading.excepthook = previous_hook


def _ignore(args: threading.ExceptHookArgs) -> None:
    del args
