"""Checks that workers match the driver and see its paths, before and during a build."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import apache_beam as beam

from beam_pipelines.corpus.listing import FLAGS
from beam_pipelines.errors import BuildError
from beam_pipelines.runners.execution import create_pipeline, run_pipeline
from beam_pipelines.shards.fingerprints import Job, check_software
from beam_pipelines.shards.stores import LOCK_NAME


def check_cluster(
    runner: str, flags: Sequence[str], job: Job, timeout_seconds: int, log: TextIO
) -> None:
    """Runs a job of one element that checks a worker of a cluster.

    A cluster waits for ever for a worker that cannot start.

    Raises:
      BuildError: no worker answered in time, or the check of a worker failed.
    """
    pipeline = create_pipeline(runner, flags)
    _ = pipeline | "Create job" >> beam.Create([job]) | "Check worker" >> beam.Map(check_worker)
    run_pipeline(pipeline, log, timeout_seconds)


def check_worker(job: Job) -> None:
    """Checks the worker that runs this: its packages, its code, the corpus and the output.

    Raises:
      BuildError: the worker would write other bytes, or does not see a directory.
    """
    check_software(job)
    for kind, root in job.roots.items():
        if isinstance(root, Path) and not root.is_dir():
            raise _not_visible(FLAGS[kind], root)
    if isinstance(job.output, Path) and not (job.output / LOCK_NAME).exists():
        raise _not_visible("--output", job.output)


def _not_visible(flag: str, directory: Path) -> BuildError:
    return BuildError(
        f"A worker on {socket.gethostname()} does not see {flag} {directory}; mount it at the same "
        f"path on every machine, or give a URL such as s3://bucket/folder."
    )
