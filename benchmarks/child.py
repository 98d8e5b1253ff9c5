"""A contestant's process: asked in lines of JSON, ended with all that it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from environments import MissingError, python_of
from memory import peak_mb_of

BENCHMARKS = Path(__file__).parent
CONTESTANTS = BENCHMARKS / "contestants"
# What contestants import, and what the worker processes that some of them start do.
PLACES = os.pathsep.join(map(str, (BENCHMARKS, CONTESTANTS, BENCHMARKS.parent)))
LIMIT_S = 900  # for one answer; a contestant that hangs is stopped
_GOODBYE_S = 10

Answer = dict[str, Any]


@contextmanager
def child(environment: str, program: str) -> Iterator[Child]:
    """Starts a program of contestants/, and ends it and all that it has started itself."""
    with tempfile.TemporaryFile("w+") as said:
        running = Child(environment, program, said)
        try:
            yield running
        finally:
            running.end()


class Child:
    """A contestant's process.

    Attributes:
      failure: why it can answer no more, if it cannot.
    """

    def __init__(self, environment: str, program: str, said: IO[str]) -> None:
        self.failure: str | None = None
        self._said = said
        self._process: subprocess.Popen[str] | None = None
        try:
            python = python_of(environment)
        except MissingError as reason:
            self.failure = f"not installed: {reason}"
            return
        self._process = subprocess.Popen(
            [str(python), str(CONTESTANTS / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,  # a group of its own, which can be ended whole
            env=os.environ | {"PYTHONPATH": PLACES, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def wait_until_ready(self) -> None:
        if self.failure is None:
            self._hear()

    def ask(self, question: Answer) -> Answer:
        """The answer, or why there is none, as its 'error'."""
        if self.failure is None:
            with suppress(BrokenPipeError):
                print(json.dumps(question), file=self._pipe(0), flush=True)
            return self._hear()
        return {"error": self.failure}

    def ask_watched(self, question: Answer) -> tuple[Answer, float]:
        """The answer, and the peak memory of the whole process tree meanwhile, MB."""
        if self._process is None:
            return self.ask(question), 0.0
        with peak_mb_of(self._process.pid) as peak:
            answer = self.ask(question)
        return answer, peak.mb

    def end(self) -> None:
        if self._process is None:
            return
        with suppress(BrokenPipeError):
            self._pipe(0).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GOODBYE_S)
        self._kill()
        self._process.wait()
        self._pipe(1).close()

    def _hear(self) -> Answer:
        watchdog = threading.Timer(LIMIT_S, self._kill)
        watchdog.start()
        line = self._pipe(1).readline()
        watchdog.cancel()
        if line:
            return json.loads(line)
        self._said.seek(0)
        last = [text.strip() for text in self._said if text.strip()][-1:] or ["it said nothing"]
        absent = last[0].startswith("ModuleNotFoundError")
        self.failure = f"not installed: {last[0]}" if absent else f"it ended: {last[0]}"
        return {"error": self.failure}

    def _pipe(self, number: int) -> IO[str]:
        pipe = self._process and (self._process.stdin, self._process.stdout)[number]
        assert pipe
        return pipe

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
