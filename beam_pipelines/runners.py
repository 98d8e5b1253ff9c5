"""How a pipeline is run: Beam's local runner set up well, every other runner left to Beam."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineRunner

from beam_pipelines.errors import BuildError


def pipeline_on(runner: str, flags: Sequence[str]) -> beam.Pipeline:
    """An empty pipeline on the named runner with the given Beam flags.

    Raises:
      BuildError: a running mode that loses data, or workers that cannot import this package.
    """
    if runner != "DirectRunner":
        return beam.Pipeline(options=PipelineOptions([f"--runner={runner}", *flags]))
    flags = _local_defaults(flags)
    options = PipelineOptions(flags)
    mode = options.view_as(DirectOptions).direct_running_mode
    if mode == "multi_threading":
        raise BuildError(
            "--direct_running_mode multi_threading loses records without a word (a race inside of "
            "Beam 2.77); use multi_processing or in_memory."
        )
    if mode == "multi_processing":
        _check_workers()
    return beam.Pipeline(runner=_local_runner(options), options=options)


def _local_defaults(flags: Sequence[str]) -> list[str]:
    """One worker process a core, unless the user says otherwise."""
    given = {flag.partition("=")[0] for flag in flags}
    chosen = list(flags)
    cores = os.cpu_count() or 1
    if "--direct_running_mode" not in given:
        several = "--direct_num_workers" in given or cores > 1
        chosen.append(f"--direct_running_mode={'multi_processing' if several else 'in_memory'}")
    if "--direct_num_workers" not in given and "in_memory" not in " ".join(chosen):
        chosen.append(f"--direct_num_workers={cores}")
    return chosen


def _local_runner(options: PipelineOptions) -> PipelineRunner:
    """The runner that `DirectRunner` falls back to.

    By that name Beam would first try to download another runner, which takes minutes where a
    network swallows packets. The pipeline options travel to the workers as provisioning facts,
    as Beam itself does it.
    """
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    facts = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(facts))


def _check_workers() -> None:
    """Fails where Beam would hang: worker processes that cannot import this package."""
    question = (
        "from importlib.util import find_spec as f; raise SystemExit(not f('beam_pipelines'))"
    )
    if subprocess.run([sys.executable, "-c", question], check=False).returncode:
        raise BuildError(
            "Worker processes could not import 'beam_pipelines'; run from the project's folder, "
            "or install it with 'pip install -e .'."
        )


@contextmanager
def worker_logs(path: Path) -> Iterator[None]:
    """Sends what worker processes and Beam write to standard error into a file meanwhile.

    Local workers inherit the descriptor and report each of their steps on it. Our own words still
    reach the terminal: `sys.stderr` is another descriptor while this lasts.
    """
    sys.stderr.flush()
    terminal_fd = os.dup(2)
    terminal, ours = sys.stderr, os.fdopen(terminal_fd, "w", buffering=1)
    with path.open("w") as log:
        os.dup2(log.fileno(), 2)
        sys.stderr = ours
        try:
            yield
        finally:
            ours.flush()
            os.dup2(terminal_fd, 2)
            sys.stderr = terminal
            ours.close()
