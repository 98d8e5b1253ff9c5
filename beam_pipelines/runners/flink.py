"""Checks a cluster of Apache Flink and starts the job server that submits pipelines to it.

At the end of a build, its job server and its jobs are stopped.
"""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
)
from apache_beam.runners.portability.flink_runner import (
    MAGIC_HOST_NAMES,
    FlinkJarJobServer,
    FlinkRunner,
)

from beam_pipelines.errors import BuildError
from beam_pipelines.runners import job_servers

ARTIFACT = "beam-runners-flink-VERSION-job-server"
TIMEOUT_SECONDS = 10  # of requests to a cluster


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
    options = PipelineOptions(list(flags))
    if job_servers.runs_already(options, "--flink_master"):
        yield list(flags)
        return
    flink = options.view_as(FlinkRunnerOptions)
    master = FlinkRunner.add_http_scheme(flink.flink_master)
    if flink.flink_submit_uber_jar:  # Beam submits the job without a job server
        yield list(flags)
        return
    job_servers.check_jar("--flink_job_server_jar", flink.flink_job_server_jar, ARTIFACT)
    job_servers.check_java("Flink", options)
    if master not in MAGIC_HOST_NAMES:
        _check_cluster(master, None if flink.flink_job_server_jar else flink.flink_version)
    job_name = options.view_as(GoogleCloudOptions).job_name or f"facevoice-{uuid.uuid4().hex[:8]}"
    with job_servers.started(
        "Flink", FlinkJarJobServer, options, flags, "--flink_job_server_jar", ARTIFACT
    ) as endpoint:
        try:
            yield [*flags, f"--job_name={job_name}", endpoint]
        except BaseException:
            if master not in MAGIC_HOST_NAMES:
                _cancel(master, job_name)
            raise


def _check_cluster(master: str, version: str | None) -> None:
    try:
        overview = _request_json(f"{master}/overview")
    except OSError as error:
        raise BuildError(
            f"No Flink cluster answers at {master} ({job_servers.one_line(error)}); --flink_master "
            f"must be the host:port of its JobManager's REST interface, port 8081 by default."
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
