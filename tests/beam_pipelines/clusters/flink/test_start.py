"""Tests of builds that cannot start on a cluster: a one-line error before any work."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@contextmanager
def answering(text):
    """A server on loopback that says the same to everyone; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def error_line(error_line_of):
    return partial(error_line_of, "FlinkRunner")


def test_a_jar_that_is_not_there(error_line):
    said = error_line("--flink_master=127.0.0.1:1", "--flink_job_server_jar=/nowhere/server.jar")
    assert "--flink_job_server_jar /nowhere/server.jar does not exist" in said


def test_a_jar_that_cannot_be_fetched(error_line, monkeypatch, tmp_path):
    monkeypatch.setattr("beam_pipelines.runners.job_servers.check_java", lambda *_: None)
    cache = f"--jar_cache_dir={tmp_path}"
    with answering("{}") as nothing:
        jar = f"http://{nothing.replace('127.0.0.1', '127.0.0.2')}/job-server.jar"
        said = error_line("--flink_master=[auto]", f"--flink_job_server_jar={jar}", cache)
    assert "Flink's job server cannot be started" in said
    assert "download the jar" in said


def test_no_java(error_line):
    said = error_line("--flink_master=127.0.0.1:1", "--job_server_java_launcher=no-such-java")
    assert "there is no 'no-such-java' on the PATH; install Java" in said


@pytest.fixture
def any_java(monkeypatch):
    monkeypatch.setattr("beam_pipelines.runners.job_servers.check_java", lambda *_: None)


@pytest.mark.usefixtures("any_java")
def test_a_cluster_that_does_not_answer(error_line):
    assert "No Flink cluster answers at http://127.0.0.1:1" in error_line(
        "--flink_master=127.0.0.1:1"
    )


@pytest.mark.usefixtures("any_java")
def test_something_else_than_a_cluster(error_line):
    with answering("<html>") as address:
        said = error_line(f"--flink_master={address}")
    assert f"What answers at http://{address} is no Flink JobManager" in said


@pytest.mark.usefixtures("any_java")
def test_a_cluster_of_another_version(error_line):
    with answering(json.dumps({"flink-version": "1.19.3", "slots-total": 2})) as address:
        said = error_line(f"--flink_master={address}", "--flink_version=2.0")
    assert "runs Flink 1.19.3, and --flink_version is 2.0; give --flink_version 1.19." in said


@pytest.mark.usefixtures("any_java")
def test_a_cluster_without_slots(error_line):
    with answering(json.dumps({"flink-version": "1.19.3", "slots-total": 0})) as address:
        said = error_line(f"--flink_master={address}", "--flink_version=1.19")
    assert "has no task slots; start a TaskManager" in said


def test_a_job_server_that_does_not_answer(error_line, monkeypatch):
    monkeypatch.setattr("beam_pipelines.runners.job_servers.TIMEOUT_SECONDS", 0.1)
    assert "No job server answers at 127.0.0.1:1" in error_line("--job_endpoint=127.0.0.1:1")
