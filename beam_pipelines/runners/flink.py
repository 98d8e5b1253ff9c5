"""Apache Flink: whether a cluster is there, and the job server that hands it a pipeline.

Beam would start a job server for each pipeline, and leave it behind where this program ends with an
error. Here one serves a whole build, and the end of the build is its end and that of its jobs.
"""

from __future__ import annotations

import difflib
import json
import shutil
import threading
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import beam_job_api_pb2
from apache_beam.runners.portability.flink_runner import (
    MAGIC_HOST_NAMES,
    FlinkJarJobServer,
    FlinkRunner,
)
from apache_beam.utils.subprocess_server import pick_port

from beam_pipelines.errors import BuildError
from beam_pipelines.options import beam_parser
from beam_pipelines.runners.local_workers import bypass_proxies

TIMEOUT_SECONDS = 10  # for a cluster, or a job server that runs already, to say that it is there


@contextmanager
def job_server(flags: Sequence[str]) -> Iterator[list[str]]:
    """Yields the flags, and with them the address of a job server that answers.

    Whatever leaves the block early also ends the jobs on the cluster, which would go on otherwise.

    Raises:
      BuildError: no Java, no jar, no job server, no cluster, or one of another version.
    """
    bypass_proxies()
    options = PipelineOptions(list(flags))
    if endpoint := options.view_as(PortableOptions).job_endpoint:
        _check_job_server(endpoint)
        yield list(flags)
        return
    chosen = options.view_as(FlinkRunnerOptions)
    master = FlinkRunner.add_http_scheme(chosen.flink_master)
    if chosen.flink_submit_uber_jar:  # Beam talks to the cluster itself then
        yield list(flags)
        return
    _check_jar(chosen.flink_job_server_jar)
    _check_java(options.view_as(JobServerOptions).job_server_java_launcher)
    if master not in MAGIC_HOST_NAMES:
        _check_cluster(master, None if chosen.flink_job_server_jar else chosen.flink_version)
    named = options.view_as(GoogleCloudOptions).job_name or f"facevoice-{uuid.uuid4().hex[:8]}"
    ports = options.view_as(JobServerOptions)
    ports.job_port = pick_port(ports.job_port or None)[0]
    server = FlinkJarJobServer(options)
    try:
        stub = server.start()
    except (OSError, RuntimeError, ValueError) as error:
        raise BuildError(
            f"Flink's job server cannot be started ({_line(error)}); fetch the jar "
            f"org.apache.beam:beam-runners-flink-VERSION-job-server yourself and name it in "
            f"--flink_job_server_jar, and see what 'java -jar' says of it."
        ) from None
    try:
        _check_flags(flags, stub)
        yield [*flags, f"--job_name={named}", f"--job_endpoint=localhost:{ports.job_port}"]
    except BaseException:
        if master not in MAGIC_HOST_NAMES:
            _cancel(master, named)
        raise
    finally:
        _hush_threads()
        server.stop()


def _hush_threads() -> None:
    """Beam reads what a job server says in a thread, which has nothing to add about its end."""
    usual = threading.excepthook

    def hook(facts: threading.ExceptHookArgs) -> None:
        if not isinstance(facts.exc_value, grpc.RpcError):
            usual(facts)

    threading.excepthook = hook


def _check_jar(jar: str | None) -> None:
    if jar and "://" not in jar and not Path(jar).is_file():
        raise BuildError(
            f"--flink_job_server_jar {jar} is not there; name the jar of "
            f"org.apache.beam:beam-runners-flink-VERSION-job-server, or leave the flag out to have "
            f"Beam fetch it."
        )


def _check_java(launcher: str) -> None:
    if shutil.which(launcher) is None:
        raise BuildError(
            f"Flink's job server is a Java program, and there is no '{launcher}' on the PATH; "
            f"install Java 11 or 17, or name one in --job_server_java_launcher."
        )


def _check_cluster(master: str, version: str | None) -> None:
    try:
        found = _ask(f"{master}/overview")
    except OSError as error:
        raise BuildError(
            f"No Flink cluster answers at {master} ({_line(error)}); --flink_master wants the "
            f"host:port of its JobManager's REST interface, 8081 by default."
        ) from None
    except ValueError:
        raise BuildError(
            f"What answers at {master} is no Flink JobManager; --flink_master wants the host:port "
            f"of its REST interface, 8081 by default."
        ) from None
    running = str(found.get("flink-version"))
    if version and not running.startswith(f"{version}."):
        raise BuildError(
            f"The cluster at {master} runs Flink {running}, and --flink_version is {version}; give "
            f"--flink_version {'.'.join(running.split('.')[:2])}."
        )
    if not found.get("slots-total"):
        raise BuildError(
            f"The Flink cluster at {master} has no task slots; start a TaskManager, or wait for it."
        )


def _check_flags(flags: Sequence[str], stub: Any) -> None:
    """Refuses what stands behind a bare -- and the job server does not know; Beam ignores it."""
    _, beyond = beam_parser().parse_known_args(list(flags))
    if not beyond:
        return
    answer = stub.DescribePipelineOptions(beam_job_api_pb2.DescribePipelineOptionsRequest())
    known = [f"--{option.name}" for option in answer.options]
    for flag in (word.partition("=")[0] for word in beyond if word.startswith("--")):
        if flag not in known:
            near = difflib.get_close_matches(flag, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else "."
            raise BuildError(f"Flink's job server knows no {flag}{meant}")


def _check_job_server(endpoint: str) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT_SECONDS)
        except grpc.FutureTimeoutError:
            raise BuildError(
                f"No job server answers at {endpoint}; check --job_endpoint, or leave it out and "
                f"give --flink_master."
            ) from None


def _cancel(master: str, name: str) -> None:
    """Beam's job server gives up waiting when it is told to cancel, but lets the job run on."""
    try:
        jobs = _ask(f"{master}/jobs/overview")["jobs"]
        for job in jobs:
            if job["name"] == name and job["end-time"] == -1:
                _ask(f"{master}/jobs/{job['jid']}?mode=cancel", method="PATCH")
    except (OSError, ValueError):
        return  # a cluster that has gone has no jobs


def _ask(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.loads(answer.read() or b"{}")


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()).rstrip(".")
