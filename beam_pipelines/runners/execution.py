"""How a pipeline is run: Beam's local runner set up well, every other runner left to Beam."""

from __future__ import annotations

import os
import re
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
from beam_pipelines.runners import flink, local_workers, worker_pools
from beam_pipelines.runners.local_environment import WorkerEnvironment

# Beam's names for the runners that run here; all but the first lack what is set up below.
LOCAL_RUNNERS = ("directrunner", "fnapirunner", "switchingdirectrunner", "bundlebaseddirectrunner")
# Those of Beam's job servers: their workers are somebody else's, and may never answer.
PORTABLE_RUNNERS = ("flinkrunner", "portablerunner", "sparkrunner")
# What Python and Beam say in workers that are not installed as this program is.
_UNLIKE_HERE = re.compile(
    r"(ModuleNotFoundError: |ImportError: |AttributeError: Can't get attribute |"
    r"Submission environment: ).+?(?= \[while|$)"
)


# What a TaskManager says that was told to start a worker.
_NO_PROGRAM = re.compile(r"java\.io\.IOException: error=\d+, ([\w ]+)")
# What it says of one that ended before it called back; others may have done so in its place.
_DIED = re.compile(r"Process died with (exit code \d+)")


def is_portable(runner: str) -> bool:
    return _plain(runner) in PORTABLE_RUNNERS


@contextmanager
def connect_runner(runner: str, flags: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yields the flags that lead to a runner which is there, as far as can be told beforehand.

    Raises:
      BuildError: it is not.
    """
    if _plain(runner) == "flinkrunner":
        with flink.job_server(flags) as found:
            yield found
    else:
        yield flags


def create_pipeline(runner: str, flags: Sequence[str]) -> beam.Pipeline:
    """An empty pipeline on the named runner with the given Beam flags.

    Raises:
      BuildError: a running mode that loses data, workers that cannot import this package, a worker
        pool that does not answer, or what Beam itself refuses.
    """
    local = _plain(runner) in LOCAL_RUNNERS
    options = PipelineOptions(local_flags(flags) if local else [f"--runner={runner}", *flags])
    mode = options.view_as(DirectOptions).direct_running_mode
    if mode == "multi_threading":
        raise BuildError(
            "--direct_running_mode multi_threading loses records without a word (a race inside of "
            "Beam 2.77); use multi_processing or in_memory."
        )
    local_runner = _local_runner(options, flags) if local else None
    try:
        return beam.Pipeline(runner=local_runner, options=options)
    except (ValueError, ImportError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise BuildError(f"Beam refuses --runner {runner}: {reason}.") from None


def _plain(runner: str) -> str:
    return runner.rpartition(".")[2].lower()


def local_flags(flags: Sequence[str]) -> list[str]:
    """Adds what the user left open: one worker process a core that this process may use."""
    given = {flag.partition("=")[0] for flag in flags}
    mode = PipelineOptions(flags).view_as(DirectOptions).direct_running_mode
    cores = usable_cores()
    chosen = list(flags)
    if "--direct_running_mode" not in given:
        several = "--direct_num_workers" in given or cores > 1
        mode = "multi_processing" if several else "in_memory"
        chosen.append(f"--direct_running_mode={mode}")
    if "--direct_num_workers" not in given and mode != "in_memory":
        chosen.append(f"--direct_num_workers={cores}")
    return chosen


def usable_cores() -> int:
    """Cores that this process may run on, which in a container can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _local_runner(options: PipelineOptions, flags: Sequence[str]) -> fn_runner.FnApiRunner:
    """The runner that `DirectRunner` falls back to.

    By that name Beam would first try to download another runner, which takes minutes where a
    network swallows packets. The pipeline options travel to the workers as provisioning facts,
    as Beam itself does it.
    """
    local_workers.bypass_proxies()
    environment = _local_environment(options, flags)
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    facts = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    options.view_as(DirectOptions).direct_running_mode = "in_memory"  # or Beam uses its own
    return fn_runner.FnApiRunner(environment, provision_info=fn_runner.ExtendedProvisionInfo(facts))


def _local_environment(options: PipelineOptions, flags: Sequence[str]) -> Environment:
    """Where the steps of a local run are carried out."""
    if pools := worker_pools.pools_from_options(options):
        if any(flag.partition("=")[0] == "--direct_running_mode" for flag in flags):
            raise BuildError(
                "--direct_running_mode and --environment_type EXTERNAL are both given; the pool "
                "starts the workers, so leave --direct_running_mode out."
            )
        worker_pools.check_pools(pools)
        return WorkerEnvironment(tuple(pools))
    if options.view_as(DirectOptions).direct_running_mode == "multi_processing":
        local_workers.check_importable()
        return WorkerEnvironment()
    return EmbeddedPythonEnvironment.default()


def run_pipeline(pipeline: beam.Pipeline, log: TextIO, seconds: int | None = None) -> None:
    """Runs a pipeline to its end, or, on a cluster, for so many seconds at most.

    Raises:
      BuildError: the sentence that a worker stopped with, which arrives inside of Beam's traceback;
        or what else went wrong, with the traceback added to the log.
    """
    try:
        with local_workers.worker_deaths_raise():
            state = _ended(pipeline.run(), seconds)
    except Exception as error:
        if sentence := re.search(
            r"BuildError: (.+?)(?: \[while running|\n|$)", _as_a_traceback_ends(error)
        ):
            raise BuildError(sentence[1]) from None
        traceback.print_exc(file=log)
        log.flush()
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if why := _NO_PROGRAM.search(str(error)):
            raise BuildError(
                f"A machine of the cluster could not start the command of --environment_config "
                f"({why[1]}); install this project there, and name its facevoice-worker."
            ) from None
        if died := _DIED.search(last):
            raise BuildError(
                f"A worker process of the cluster died as it started ({died[1]}), and no attempt "
                f"is left; {log.name} and the logs of its TaskManagers may tell why. Once it "
                f"starts, the same command goes on with the shards that are missing."
            ) from None
        if unlike := _UNLIKE_HERE.search(last):
            raise BuildError(
                f"Workers cannot load the job ({unlike[0].rstrip('.')}); install the same versions "
                f"of Python, Beam and this project where they run."
            ) from None
        raise BuildError(f"The job stopped: {last.rstrip('.')}. {log.name} tells more.") from None
    if seconds and state != PipelineState.DONE:
        raise BuildError(
            f"No worker answered within {seconds} seconds; the cluster has no free slot for the "
            f"job, or a worker cannot start: each needs this project installed, and the command or "
            f"pool of --environment_config. The logs of its TaskManagers tell which; "
            f"--preflight_seconds waits longer."
        )


def _ended(result: PipelineResult, seconds: int | None) -> str | None:
    """Waits for a job, and does not leave one behind that takes too long or is interrupted."""
    state = None
    try:
        state = result.wait_until_finish(seconds and seconds * 1000)
    finally:
        if not PipelineState.is_terminal(state):
            with suppress(Exception):  # it may be over, or cannot be cancelled
                result.cancel()
    return state


def _as_a_traceback_ends(error: Exception) -> str:
    """An exception with its type; Beam adds the step's name to one of ours, or wraps it in text."""
    return f"{type(error).__name__}: {error}"
