"""Creates and runs pipelines: configures Beam's local runner, leaves other runners to Beam."""

from __future__ import annotations

import os
import re
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.transforms.environments import EmbeddedPythonEnvironment, Environment

from beam_pipelines.errors import BuildError
from beam_pipelines.runners import flink, local_workers, pool_addresses, spark
from beam_pipelines.runners.local_environment import WorkerEnvironment
from tfdata.interrupts import Terminated
from tfdata.text import counted

# Beam's names for runners on this machine.
LOCAL_RUNNERS = ("directrunner", "fnapirunner", "switchingdirectrunner", "bundlebaseddirectrunner")
# Runners of Beam's job servers; their workers belong to a cluster and may never answer.
PORTABLE_RUNNERS = ("flinkrunner", "portablerunner", "sparkrunner")
# Errors of Python and Beam in workers with another installation than this program's.
_OTHER_INSTALLATION = re.compile(
    r"(ModuleNotFoundError: |ImportError: |AttributeError: Can't get attribute |"
    r"Submission environment: ).+?(?= \[while|$)"
)

# Error of a TaskManager that cannot start the worker's command.
_NO_PROGRAM = re.compile(r"java\.io\.IOException: error=\d+, ([\w ]+)")
# Error of a TaskManager whose worker ended before it connected; others may have replaced it.
_DIED = re.compile(r"Process died with (exit code \d+)")
# Ctrl-C and SIGTERM in a step of an in-memory build, which Beam takes for an error of the step.
_INTERRUPT = re.compile(r"(?:[\w.]+\.)?(KeyboardInterrupt|Terminated)\b")


def is_portable(runner: str) -> bool:
    """Returns whether the runner uses the workers of a cluster."""
    return _base_name(runner) in PORTABLE_RUNNERS


@contextmanager
def connect_runner(runner: str, flags: Sequence[str]) -> Iterator[Sequence[str]]:
    """Checks that a runner is available; starts a job server for Flink and Spark.

    Yields:
      The Beam flags, with those of the job server.

    Raises:
      BuildError: the runner is not available.
    """
    if _base_name(runner) == "flinkrunner":
        with flink.job_server(flags) as flink_flags:
            yield flink_flags
    elif _base_name(runner) == "sparkrunner":
        with spark.job_server(flags) as spark_flags:
            yield spark_flags
    else:
        yield flags


def create_pipeline(runner: str, flags: Sequence[str]) -> beam.Pipeline:
    """Creates an empty pipeline on a runner with the given Beam flags.

    Raises:
      BuildError: the running mode loses data, workers cannot import this package, a worker pool
        does not answer, or Beam refuses the flags.
    """
    local = _base_name(runner) in LOCAL_RUNNERS
    options = PipelineOptions(local_flags(flags) if local else [f"--runner={runner}", *flags])
    mode = options.view_as(DirectOptions).direct_running_mode
    if mode == "multi_threading":
        raise BuildError(
            "--direct_running_mode multi_threading silently loses records (a race condition of "
            "Beam 2.77); use multi_processing or in_memory."
        )
    local_runner = _local_runner(options, flags) if local else None
    try:
        return beam.Pipeline(runner=local_runner, options=options)
    except (ValueError, ImportError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise BuildError(f"Beam refuses --runner {runner}: {reason}.") from None


def _base_name(runner: str) -> str:
    return runner.rpartition(".")[2].lower()


def local_flags(flags: Sequence[str]) -> list[str]:
    """Adds defaults: one worker process for each core that this process may use."""
    given = {flag.partition("=")[0] for flag in flags}
    mode = PipelineOptions(flags).view_as(DirectOptions).direct_running_mode
    cores = usable_cores()
    completed = list(flags)
    if "--direct_running_mode" not in given:
        several = "--direct_num_workers" in given or cores > 1
        mode = "multi_processing" if several else "in_memory"
        completed.append(f"--direct_running_mode={mode}")
    if "--direct_num_workers" not in given and mode != "in_memory":
        completed.append(f"--direct_num_workers={cores}")
    return completed


def usable_cores() -> int:
    """Returns the number of cores that this process may use, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _local_runner(options: PipelineOptions, flags: Sequence[str]) -> fn_runner.FnApiRunner:
    """Returns the runner that `DirectRunner` falls back to.

    Under that name, Beam would first try to download another runner, which takes minutes if a
    firewall drops packets. The provision service sends the pipeline options to the workers, as
    with Beam's own runner.
    """
    local_workers.bypass_proxies()
    environment = _local_environment(options, flags)
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    info = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    options.view_as(DirectOptions).direct_running_mode = "in_memory"  # otherwise Beam replaces it
    return fn_runner.FnApiRunner(environment, provision_info=fn_runner.ExtendedProvisionInfo(info))


def _local_environment(options: PipelineOptions, flags: Sequence[str]) -> Environment:
    """Returns the environment of the workers of a local run."""
    if pools := pool_addresses.pools_from_options(options):
        if any(flag.partition("=")[0] == "--direct_running_mode" for flag in flags):
            raise BuildError(
                "--direct_running_mode and --environment_type EXTERNAL are both given; the pool "
                "starts the workers, so leave --direct_running_mode out."
            )
        pool_addresses.check_pools(pools)
        return WorkerEnvironment(tuple(pools))
    if options.view_as(DirectOptions).direct_running_mode == "multi_processing":
        local_workers.check_importable()
        return WorkerEnvironment()
    return EmbeddedPythonEnvironment.default()


def run_pipeline(pipeline: beam.Pipeline, log: TextIO, seconds: int | None = None) -> None:
    """Runs a pipeline and waits for its end.

    Args:
      pipeline: the pipeline.
      log: file for the traceback of an unexpected error.
      seconds: time limit on a cluster.

    Raises:
      KeyboardInterrupt: also if Ctrl-C or SIGTERM came in a step that ran in this process.
      BuildError: the pipeline failed. The message of a worker's BuildError is taken from Beam's
        traceback; the traceback of another error is added to the log.
    """
    try:
        with local_workers.raise_worker_deaths():
            state = _wait(pipeline.run(), seconds)
    except Exception as error:
        if message := re.search(r"BuildError: (.+?)(?: \[while running|\n|$)", _with_type(error)):
            raise BuildError(message[1]) from None
        with suppress(OSError):  # the disk may be full
            traceback.print_exc(file=log)
            log.flush()
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if stopped := _INTERRUPT.match(last):
            is_signal = stopped[1] == Terminated.__name__
            raise (Terminated(signal.SIGTERM) if is_signal else KeyboardInterrupt) from None
        if why := _NO_PROGRAM.search(str(error)):
            raise BuildError(
                f"A machine of the cluster could not start the command of --environment_config "
                f"({why[1]}); install this project there, and name its facevoice-worker."
            ) from None
        if died := _DIED.search(last):
            raise BuildError(
                f"A worker process of the cluster died as it started ({died[1]}), and no attempt "
                f"is left; see {log.name} and the logs of its TaskManagers or executors. Once "
                f"it starts, the same command resumes the build."
            ) from None
        if found := _OTHER_INSTALLATION.search(last):
            raise BuildError(
                f"Workers cannot load the job ({found[0].rstrip('.')}); install the same versions "
                f"of Python, Beam and this project where they run."
            ) from None
        raise BuildError(f"The job failed: {last.rstrip('.')}. See {log.name}.") from None
    if seconds and state != PipelineState.DONE:
        raise BuildError(
            f"No worker answered within {counted(seconds, 'second')}; the cluster has no free slot "
            f"for the job, or a worker cannot start: each needs this project installed, and the "
            f"command or pool of --environment_config. See the logs of its TaskManagers or "
            f"executors; --preflight_seconds sets the time limit."
        )


def _wait(result: PipelineResult, seconds: int | None) -> str | None:
    """Waits for a job; cancels it after the time limit or an interrupt. Returns its state."""
    state = None
    try:
        state = result.wait_until_finish(seconds and seconds * 1000)
    finally:
        if not PipelineState.is_terminal(state):
            with suppress(Exception):  # the job may have ended, or cannot be cancelled
                result.cancel()
    return state


def _with_type(error: Exception) -> str:
    """Returns type and message, as a traceback ends; Beam wraps an error, or adds the step."""
    return f"{type(error).__name__}: {error}"
