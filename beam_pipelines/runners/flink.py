"""Checks a cluster of Apache Flink and starts the job server that submits pipelines to it.

Beam would start a job server for each pipeline, and would not stop it if this program fails. Here
one job server serves a whole build; at the end of the build, it and its jobs are stopped.
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

TIMEOUT_SECONDS = 10  # of requests to a cluster or a running job server


@contextmanager
def job_server(flags: Sequence[str]) -> Iterator[list[str]]:
    """Starts a job server, or checks one that runs already.

    An exception in the body also cancels the jobs on the cluster, which would otherwise continue.

    Yields:
      The flags and the address of the job server.

    Raises:
      BuildError: Java, the jar, the job server or the cluster is missing, or the cluster has
        another version.
    """
    bypass_proxies()
    options = PipelineOptions(list(flags))
    if endpoint := options.view_as(PortableOptions).job_endpoint:
        _check_job_server(endpoint)
        yield list(flags)
        return
    flink = options.view_as(FlinkRunnerOptions)
    master = FlinkRunner.add_http_scheme(flink.flink_master)
    if flink.flink_submit_uber_jar:  # Beam submits the job without a job server
        yield list(flags)
        return
    _check_jar(flink.flink_job_server_jar)
    _check_java(options.view_as(JobServerOptions).job_server_java_launcher)
    if master not in MAGIC_HOST_NAMES:
        _check_cluster(master, None if flink.flink_job_server_jar else flink.flink_version)
    job_name = options.view_as(GoogleCloudOptions).job_name or f"facevoice-{uuid.uuid4().hex[:8]}"
    ports = options.view_as(JobServerOptions)
    ports.job_port = pick_port(ports.job_port or None)[0]
    server = FlinkJarJobServer(options)
    try:
        stub = server.start()
    except (OSError, RuntimeError, ValueError) as error:
        raise BuildError(
            f"Flink's job server cannot be started ({_one_line(error)}); download the jar "
            f"org.apache.beam:beam-runners-flink-VERSION-job-server, name it in "
            f"--flink_job_server_jar, and check that 'java -jar' starts it."
        ) from None
    try:
        _check_flags(flags, stub)
        yield [*flags, f"--job_name={job_name}", f"--job_endpoint=localhost:{ports.job_port}"]
    except BaseException:
        if master not in MAGIC_HOST_NAMES:
            _cancel(master, job_name)
        raise
    finally:
        _ignore_grpc_errors_in_threads()
        server.stop()


def _ignore_grpc_errors_in_threads() -> None:
    """Ignores errors of the threads that read from a job server, which is about to stop."""
    previous = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, grpc.RpcError):
            previous(args)

    threading.excepthook = hook


def _check_jar(jar: str | None) -> None:
    if jar and "://" not in jar and not Path(jar).is_file():
        raise BuildError(
            f"--flink_job_server_jar {jar} does not exist; name the jar of "
            f"org.apache.beam:beam-runners-flink-VERSION-job-server, or omit the flag to have Beam "
            f"download it."
        )


def _check_java(launcher: str) -> None:
    if shutil.which(launcher) is None:
        raise BuildError(
            f"Flink's job server is a Java program, and there is no '{launcher}' on the PATH; "
            f"install Java 11 or 17, or name one in --job_server_java_launcher."
        )


def _check_cluster(master: str, version: str | None) -> None:
    try:
        overview = _request_json(f"{master}/overview")
    except OSError as error:
        raise BuildError(
            f"No Flink cluster answers at {master} ({_one_line(error)}); --flink_master must be "
            f"the host:port of its JobManager's REST interface, port 8081 by default."
        ) from None
    except ValueError:
        raise BuildError(
            f"What answers at {master} is no Flink JobManager; --flink_master must be the "
            f"host:port of its REST interface, port 8081 by default."
        ) from None
    running = str(overview.get("flink-version"))
    if version and not running.startswith(f"{version}."):
        raise BuildError(
            f"The cluster at {master} runs Flink {running}, and --flink_version is {version}; give "
            f"--flink_version {'.'.join(running.split('.')[:2])}."
        )
    if not overview.get("slots-total"):
        raise BuildError(
            f"The Flink cluster at {master} has no task slots; start a TaskManager, or wait for it."
        )


def _check_flags(flags: Sequence[str], stub: Any) -> None:
    """Checks the flags after a bare --; Beam ignores those that the job server does not know."""
    _, remote = beam_parser().parse_known_args(list(flags))
    if not remote:
        return
    answer = stub.DescribePipelineOptions(beam_job_api_pb2.DescribePipelineOptionsRequest())
    known = [f"--{option.name}" for option in answer.options]
    for flag in (word.partition("=")[0] for word in remote if word.startswith("--")):
        if flag not in known:
            near = difflib.get_close_matches(flag, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise BuildError(f"Flink's job server does not know {flag}{hint}")


def _check_job_server(endpoint: str) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT_SECONDS)
        except grpc.FutureTimeoutError:
            raise BuildError(
                f"No job server answers at {endpoint}; check --job_endpoint, or omit it and give "
                f"--flink_master."
            ) from None


def _cancel(master: str, name: str) -> None:
    """Cancels a job on the cluster; Beam's job server stops waiting but does not cancel it."""
    try:
        jobs = _request_json(f"{master}/jobs/overview")["jobs"]
        for job in jobs:
            if job["name"] == name and job["end-time"] == -1:
                _request_json(f"{master}/jobs/{job['jid']}?mode=cancel", method="PATCH")
    except (OSError, ValueError):
        return  # the cluster is gone, and its jobs with it


def _request_json(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.loads(answer.read() or b"{}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()).rstrip(".")
