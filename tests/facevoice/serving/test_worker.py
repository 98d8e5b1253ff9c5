"""The process that reads files: one that hangs or ends is replaced, and each gets one line."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from facevoice.serving import worker
from facevoice.serving.worker import WorkerBackend
from tests.facevoice.serving.misbehaving import Misbehaving, broken
from tests.facevoice.serving.servers import LIMITS, serve


@pytest.fixture(scope="module")
def server():
    backend = WorkerBackend(Misbehaving, work_seconds=1.0)
    with serve(backend, replace(LIMITS, answer_seconds=30)) as running:
        yield running
    backend.close()
    assert backend._process.exitcode == -9


def send(server, said):
    status, answer = server.send("/identify", ("face", said.encode(), "x.jpg"))
    return status, answer.get("error") or answer["people"][0]["name"]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("hang", "The files could not be read within 1 s; send shorter or smaller ones."),
        ("crash", "The process that reads files ended (SIGSEGV); send other files."),
        pytest.param(
            *("exit", "The process that reads files ended (exit code 3); send other files."),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_process_is_replaced(server, said, message):
    before = int(send(server, "fine")[1].split()[-1])
    assert send(server, said) == (422, message)
    after = int(send(server, "fine")[1].split()[-1])
    assert after != before
    assert not is_running(before)
    assert is_running(after)


def test_a_process_that_hangs_at_its_exit_is_replaced(server, monkeypatch):
    monkeypatch.setattr(worker, "_EXIT_SECONDS", 0.1)
    message = "The process that reads files ended (SIGKILL); send other files."
    assert send(server, "go silent") == (422, message)
    assert send(server, "fine")[0] == 200


def test_errors_are_those_of_the_backend(server):
    before = send(server, "fine")
    assert send(server, "bad") == (422, "The face image cannot be used.")
    assert send(server, "error") == (500, "The server failed (RuntimeError); its log says more.")
    assert send(server, "fine") == before  # of the same process


def test_a_backend_that_cannot_be_opened_is_an_error():
    with pytest.raises(FileNotFoundError, match="'run'"):
        WorkerBackend(broken, work_seconds=1.0)
