"""Starts and checks Beam's Java job servers, which submit pipelines to Flink or Spark.

Beam would start a job server for each pipeline, and would not stop it if this program fails. Here
one job server serves a whole build, and is stopped at its end.
"""

from __future__ import annotations

import difflib
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from apache_beam.options.pipeline_options import (
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import beam_job_api_pb2
from apache_beam.runners.portability.job_server import JavaJarJobServer
from apache_beam.utils import subprocess_server

from beam_pipelines.beam_flags import beam_parser
from beam_pipelines.errors import BuildError
from beam_pipelines.runners.local_workers import bypass_proxies

TIMEOUT_SECONDS = 10  # of the connection to a running job server


def runs_already(options: PipelineOptions, master_flag: str) -> bool:
    """Returns whether `--job_endpoint` names a job server, after connecting to it.

    Raises:
      BuildError: nothing answers there.
    """
    bypass_proxies()
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not endpoint:
        return False
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT_SECONDS)
        except grpc.FutureTimeoutError:
            raise BuildError(
                f"No job server answers at {endpoint}; check --job_endpoint, or omit it and give "
                f"{master_flag}."
            ) from None
    return True


def check_jar(flag: str, jar: str | None, artifact: str) -> None:
    """Raises a BuildError if a jar is given that is neither a file nor an address."""
    if jar and "://" not in jar and not Path(jar).is_file():
        raise BuildError(
            f"{flag} {jar} does not exist; name the jar of org.apache.beam:{artifact}, or omit the "
            f"flag to have Beam download it."
        )


def check_java(software: str, options: PipelineOptions) -> None:
    """Raises a BuildError if there is no Java."""
    launcher = options.view_as(JobServerOptions).job_server_java_launcher
    if shutil.which(launcher) is None:
        raise BuildError(
            f"{software}'s job server is a Java program, and there is no '{launcher}' on the PATH; "
            f"install Java 11 or 17, or name one in --job_server_java_launcher."
        )


@contextmanager
def started(
    software: str,
    create: Callable[[PipelineOptions], JavaJarJobServer],
    options: PipelineOptions,
    flags: Sequence[str],
    jar_flag: str,
    artifact: str,
) -> Iterator[str]:
    """Runs a job server; yields the flag with its address.

    Args:
      software: 'Flink' or 'Spark', for errors.
      create: makes the job server, which listens on the port that is set in `options`.
      options: options of the job server.
      flags: flags of the build; the job server must know those that Beam does not know.
      jar_flag: the flag that names its jar.
      artifact: the name of the jar in Maven's repository.

    Raises:
      BuildError: it cannot be started, or does not know a flag.
    """
    ports = options.view_as(JobServerOptions)
    ports.job_port = subprocess_server.pick_port(ports.job_port or None)[0]
    server = create(options)
    try:
        with _without_log():
            stub = server.start()
    except (OSError, RuntimeError, ValueError) as error:
        raise BuildError(
            f"{software}'s job server cannot be started ({one_line(error)}); download the jar "
            f"org.apache.beam:{artifact}, name it in {jar_flag}, and check that 'java -jar' starts "
            f"it."
        ) from None
    try:
        _check_flags(software, flags, stub)
        yield f"--job_endpoint=localhost:{ports.job_port}"
    finally:
        _ignore_grpc_errors_in_threads()
        server.stop()


@contextmanager
def _without_log() -> Iterator[None]:
    """Mutes Beam's line about a job server that does not start, which the error tells as well."""
    logger = logging.getLogger(subprocess_server.__name__)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def one_line(error: BaseException) -> str:
    """Returns the message of an error, or of its reason, as one line without a full stop."""
    return " ".join(str(getattr(error, "reason", error)).split()).rstrip(".")


def _check_flags(software: str, flags: Sequence[str], stub: Any) -> None:
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
            raise BuildError(f"{software}'s job server does not know {flag}{hint}")


def _ignore_grpc_errors_in_threads() -> None:
    """Ignores errors of the threads that read from a job server, which is about to stop."""
    previous = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, grpc.RpcError):
            previous(args)

    threading.excepthook = hook
