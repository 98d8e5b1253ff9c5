"""Tests of builds that cannot start on Spark: a one-line error before any work."""

from __future__ import annotations

import sys
from functools import partial

import pytest


@pytest.fixture
def error_line(error_line_of):
    return partial(error_line_of, "SparkRunner")


NOBODY = "--spark_master_url=spark://127.0.0.1:1"
ANY_JAVA = f"--job_server_java_launcher={sys.executable}"  # is there, and is not started


def test_a_jar_that_is_not_there(error_line):
    said = error_line(NOBODY, "--spark_job_server_jar=/nowhere/server.jar")
    assert "--spark_job_server_jar /nowhere/server.jar does not exist" in said
    assert "org.apache.beam:beam-runners-spark-3-job-server" in said


def test_no_java(error_line):
    said = error_line(NOBODY, "--job_server_java_launcher=no-such-java")
    assert "Spark's job server is a Java program, and there is no 'no-such-java'" in said


@pytest.mark.parametrize("masters", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2", "nonsense"])
def test_a_master_that_does_not_answer(error_line, masters):
    said = error_line(f"--spark_master_url=spark://{masters}", ANY_JAVA)
    assert f"No Spark master answers at {masters}; --spark_master_url must be spark://" in said


def test_a_job_server_that_does_not_start(error_line, tmp_path):
    jar = tmp_path / "server.jar"
    jar.write_bytes(b"")
    said = error_line("--spark_master_url=local[1]", f"--spark_job_server_jar={jar}", ANY_JAVA)
    assert "Spark's job server cannot be started" in said
    assert "name it in --spark_job_server_jar" in said


def test_a_job_server_that_does_not_answer(error_line, monkeypatch):
    monkeypatch.setattr("beam_pipelines.runners.job_servers.TIMEOUT_SECONDS", 0.1)
    said = error_line("--job_endpoint=127.0.0.1:1")
    assert "No job server answers at 127.0.0.1:1" in said
    assert "give --spark_master_url" in said
