"""Ends a command at Ctrl-C, SIGTERM or SIGHUP: at once, or at the next safe point.

Schedulers and container runtimes stop a process by SIGTERM, and kill it a few seconds later. By
default, SIGTERM ends a process without a word, and does nothing to process 1 of a container.
"""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATING = (signal.SIGTERM, signal.SIGHUP)
INTERRUPTING = (signal.SIGINT, *TERMINATING)


class Terminated(KeyboardInterrupt):
    """Raised in the main thread if a signal asks the process to end.

    Attributes:
      exit_code: 128 plus the number of the signal, as shells report it.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


@contextmanager
def raise_terminated() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into Terminated while the body runs; ignored signals stay ignored.

    Only the main thread can do that; in another one, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in TERMINATING}
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def ignore_at_exit() -> None:
    """Ignores Ctrl-C, SIGTERM and SIGHUP while the interpreter ends.

    A command that has ended would otherwise be killed without a message, or with a traceback of a
    library, while libraries such as TensorFlow are unloaded.
    """
    atexit.unregister(_ignore)
    atexit.register(_ignore)  # the last function that is registered runs first


def _ignore() -> None:
    for number in INTERRUPTING:
        signal.signal(number, signal.SIG_IGN)


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    raise Terminated(number)


class Deferred:
    """An interrupt that waits for a safe point.

    Attributes:
      pending: number of the signal that arrived; None without one.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self._handlers = {number: signal.getsignal(number) for number in INTERRUPTING}

    def raise_pending(self) -> None:
        """Raises the interrupt that waits, if there is one."""
        if self.pending is not None:
            number, self.pending = self.pending, None
            self._handle(number, None)

    def install(self) -> None:
        """Defers the signals that have a handler of this process."""
        for number in self._handled():
            signal.signal(number, self._defer)

    def uninstall(self) -> None:
        """Restores the handlers."""
        for number in self._handled():
            signal.signal(number, self._handlers[number])

    def _handled(self) -> list[signal.Signals]:
        return [number for number, handler in self._handlers.items() if callable(handler)]

    def _defer(self, number: int, frame: FrameType | None) -> None:
        if self.pending is not None:  # the second one does not wait
            self._handle(number, frame)
        self.pending = number

    def _handle(self, number: int, frame: FrameType | None) -> None:
        handler = self._handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)


@contextmanager
def deferred() -> Iterator[Deferred]:
    """Defers the first Ctrl-C, SIGTERM or SIGHUP to a safe point that the body chooses.

    It is raised at the end of the body at the latest. A second one is raised at once.
    """
    interrupt = Deferred()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    interrupt.install()
    try:
        yield interrupt
    finally:
        interrupt.uninstall()
    interrupt.raise_pending()
