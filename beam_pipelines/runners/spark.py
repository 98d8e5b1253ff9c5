"""Checks a cluster of Apache Spark and starts the job server that submits pipelines to it.

The job server is the Spark driver of its applications: when it is stopped, they end.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from apache_beam.options.pipeline_options import PipelineOptions, SparkRunnerOptions
from apache_beam.runners.portability.spark_runner import SparkJarJobServer

from beam_pipelines.errors import BuildError
from beam_pipelines.runners import job_servers

ARTIFACT = "beam-runners-spark-3-job-server"
TIMEOUT_SECONDS = 10  # of the connection to a master
_STANDALONE = re.compile(r"spark://(.+)")  # several masters are separated by commas
_ADDRESS = re.compile(r"\[?(.+?)\]?:(\d+)")


@contextmanager
def job_server(flags: Sequence[str]) -> Iterator[list[str]]:
    """Starts a job server, or checks one that runs already.

    Yields:
      The flags and the address of the job server.

    Raises:
      BuildError: Java, the jar, the job server or the Spark master is missing.
    """
    options = PipelineOptions(list(flags))
    if job_servers.runs_already(options, "--spark_master_url"):
        yield list(flags)
        return
    spark = options.view_as(SparkRunnerOptions)
    if spark.spark_submit_uber_jar:  # Beam submits the job without a job server
        yield list(flags)
        return
    job_servers.check_jar("--spark_job_server_jar", spark.spark_job_server_jar, ARTIFACT)
    job_servers.check_java("Spark", options)
    if standalone := _STANDALONE.fullmatch(spark.spark_master_url):
        _check_masters(standalone[1])
    with job_servers.started(
        "Spark", SparkJarJobServer, options, flags, "--spark_job_server_jar", ARTIFACT
    ) as endpoint:
        yield [*flags, endpoint]


def _check_masters(addresses: str) -> None:
    """Raises a BuildError if nothing listens at any of the addresses."""
    for address in addresses.split(","):
        if found := _ADDRESS.fullmatch(address):
            place = (found[1], int(found[2]))
            with suppress(OSError), socket.create_connection(place, TIMEOUT_SECONDS):
                return
    raise BuildError(
        f"No Spark master answers at {addresses}; --spark_master_url must be spark://HOST:PORT of "
        f"a standalone master, port 7077 by default."
    )
