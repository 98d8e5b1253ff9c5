"""The worker processes of a build on one machine: can they start, do they live, what they say."""

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
    """Fails where Beam would hang: worker processes that cannot import this package."""
    question = (
        "from importlib.util import find_spec as f; raise SystemExit(not f('beam_pipelines'))"
    )
    # Ctrl-C reaches this process as well, which would print a traceback.
    asked = subprocess.run([sys.executable, "-c", question], stderr=subprocess.DEVNULL, check=False)
    if asked.returncode:
        raise BuildError(
            "Worker processes could not import 'beam_pipelines'; install it: 'make setup', or "
            "'pip install -e .' in the project's folder."
        )


@contextmanager
def worker_logs(log: TextIO, secrets: Iterable[str] = ()) -> Iterator[TextIO]:
    """Sends what worker processes and Beam write to standard error into a file meanwhile.

    Local workers inherit the descriptor and report each of their steps on it. Yields a stream that
    still reaches the terminal. At the end the file is freed of credentials, the given values among
    them.
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
                with suppress(OSError):  # whatever ended the build is what matters
                    _mask_log(log, secrets)
            finally:
                os.dup2(terminal_fd, 2)


def _mask_log(log: TextIO, secrets: Iterable[str]) -> None:
    """Masks credentials in a log that descriptor 2 and those of worker processes write to.

    The file is rewritten in place, as they share its offset, which is moved along.
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
    """Keeps gRPC from sending what local workers say to each other through a proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        given = os.environ.get(name)
        os.environ[name] = ",".join(filter(None, (given, "localhost", "127.0.0.1", "::1")))


@contextmanager
def worker_deaths_raise() -> Iterator[None]:
    """Ends the body with a BuildError when a worker process dies; Beam would wait for it for ever.

    A death is noticed in the thread that watches the worker (see `local_environment`), and this
    hook is told of its exception. Workers that end because of a Ctrl-C are no failure.
    """
    deaths: list[str] = []
    interrupted = threading.Event()
    usual_hook, usual_handler = threading.excepthook, signal.getsignal(signal.SIGINT)

    def hook(facts: threading.ExceptHookArgs) -> None:
        if isinstance(facts.exc_value, BuildError) and not interrupted.is_set():
            deaths.append(str(facts.exc_value))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        usual_hook(facts)

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    threading.excepthook = hook
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        # Threads of Beam's outlive this, and have nothing to add.
        usual_hook = _say_nothing
        if not deaths:
            raise
        raise BuildError(deaths[0]) from None
    finally:
        signal.signal(signal.SIGINT, usual_handler)
        threading.excepthook = usual_hook


def _say_nothing(facts: threading.ExceptHookArgs) -> None:
    del facts
