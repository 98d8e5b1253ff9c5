"""Process of a competitor: sends requests and receives responses as lines of JSON."""

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
COMPETITORS = BENCHMARKS / "competitors"
# Import path of competitors and of their worker processes.
PYTHONPATH = os.pathsep.join(map(str, (BENCHMARKS, COMPETITORS, BENCHMARKS.parent)))
RESPONSE_TIMEOUT_S = 900
_EXIT_TIMEOUT_S = 10

Message = dict[str, Any]


@contextmanager
def start_process(environment: str, program: str) -> Iterator[CompetitorProcess]:
    """Starts a program of competitors/; kills its process group at the end of the context."""
    with tempfile.TemporaryFile("w+") as stderr:
        process = CompetitorProcess(environment, program, stderr)
        try:
            yield process
        finally:
            process.stop()


class CompetitorProcess:
    """A competitor's process.

    Attributes:
      failure: why it cannot respond any more, or None.
    """

    def __init__(self, environment: str, program: str, stderr: IO[str]) -> None:
        self.failure: str | None = None
        self._stderr = stderr
        self._process: subprocess.Popen[str] | None = None
        try:
            python = python_of(environment)
        except MissingError as reason:
            self.failure = f"not installed: {reason}"
            return
        self._process = subprocess.Popen(
            [str(python), str(COMPETITORS / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,  # a process group, which can be killed as a whole
            env=os.environ | {"PYTHONPATH": PYTHONPATH, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def wait_until_ready(self) -> None:
        if self.failure is None:
            self._receive()

    def request(self, message: Message) -> Message:
        """Returns the response, or {'error': reason}."""
        if self.failure is None:
            with suppress(BrokenPipeError):
                print(json.dumps(message), file=self._pipe(0), flush=True)
            return self._receive()
        return {"error": self.failure}

    def request_with_peak_mb(self, message: Message) -> tuple[Message, float]:
        """Returns the response and the peak memory of the process tree during the request, MB."""
        if self._process is None:
            return self.request(message), 0.0
        with peak_mb_of(self._process.pid) as peak:
            response = self.request(message)
        return response, peak.mb

    def stop(self) -> None:
        if self._process is None:
            return
        with suppress(BrokenPipeError):
            self._pipe(0).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_EXIT_TIMEOUT_S)
        self._kill()
        self._process.wait()
        self._pipe(1).close()

    def _receive(self) -> Message:
        watchdog = threading.Timer(RESPONSE_TIMEOUT_S, self._kill)
        watchdog.start()
        line = self._pipe(1).readline()
        watchdog.cancel()
        if line:
            return json.loads(line)
        self._stderr.seek(0)
        last = [text.strip() for text in self._stderr if text.strip()][-1:] or ["no error message"]
        missing = last[0].startswith("ModuleNotFoundError")
        self.failure = f"{'not installed' if missing else 'process ended'}: {last[0]}"
        return {"error": self.failure}

    def _pipe(self, number: int) -> IO[str]:
        pipe = self._process and (self._process.stdin, self._process.stdout)[number]
        assert pipe
        return pipe

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
