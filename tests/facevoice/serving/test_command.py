"""The command `facevoice serve`."""

from __future__ import annotations

import errno
import http.client
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from facevoice.commands import serve
from facevoice.gallery.gallery import IMAGE
from facevoice.gallery.store import change_gallery
from tests.facevoice.gallery.galleries import random_gallery


def test_it_serves_until_it_is_stopped(tmp_path):
    command = "import sys; from facevoice.commands.serve import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", command, f"--gallery={tmp_path / 'new'}", "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = [process.stdout.readline() for _ in range(4)]
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/$", lines[0])[1])
        token = re.search(r"#token=(\S{22})$", lines[1])[1]
        assert lines[2] == f"The token is {token}\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/people", headers={"Authorization": f"Bearer {token}"})
        assert connection.getresponse().read() == b'{"people":[]}'
        connection.close()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "Stopped.\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--run, --gallery or --data is required."),
        (["--run=a", "--gallery=b"], "--gallery and --run exclude each other; remove one of them."),
        (["--gallery=b", "--model=a:b"], "--model needs --run."),
        (["--data=b", "--model=a:b"], "--model needs --run."),
        (["--gallery=b", "--audio=c"], "--audio needs --data."),
        (["--data=b", "--top=3"], "--top has no effect with --data; remove it."),
        (["--data=b", "--max_seconds=3"], "--max_seconds has no effect with --data; remove it."),
        (["--gallery=b", "--port=65536"], "use a whole number from 0 to 65535"),
        (["--gallery=b", "--max_upload_mb=0"], "use a number from 0.001 to 1000"),
        (["--gallery=b", "--max_seconds=0"], "use a number above 0"),
    ],
)
def test_invalid_flags_are_one_line(flags, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        serve.main(flags)
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_port_in_use_and_a_foreign_encoder_are_one_line(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve.main([f"--gallery={tmp_path}", f"--port={port}"]) == 1
    reason = os.strerror(errno.EADDRINUSE)
    expected = f"error: 127.0.0.1:{port}: {reason}; choose another --port or --host.\n"
    assert capsys.readouterr().err == expected
    change_gallery(tmp_path / "g", lambda _: random_gallery(modalities=(IMAGE,)), create=True)
    assert serve.main([f"--gallery={tmp_path / 'g'}", "--port=0"]) == 1
    assert "name it with --face_encoder faces" in capsys.readouterr().err


def test_a_missing_dataset_is_one_line(tmp_path, capsys):
    assert serve.main([f"--data={tmp_path / 'none'}"]) == 1
    assert "none does not exist; build a dataset with" in capsys.readouterr().err


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serve, "NEEDED", ("starlette", "no_such_package"))
    assert serve.main([f"--gallery={tmp_path}"]) == 1
    assert capsys.readouterr().err == (
        "error: no_such_package is missing; serving needs 'make setup', or pip install -e "
        "'.[serve]'.\n"
    )
