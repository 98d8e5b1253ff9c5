"""One question to a worker of a cluster before the build: are you there, and fit for this job?

On a cluster, a worker that cannot start is waited for without end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import apache_beam as beam

from beam_pipelines.runners.execution import pipeline_on, run
from beam_pipelines.runners.worker_checks import check_here
from beam_pipelines.shards.fingerprints import Job


def ask(runner: str, flags: Sequence[str], job: Job, seconds: int, log: TextIO) -> None:
    """Runs a job of one element on the cluster.

    Raises:
      BuildError: nobody answered in time, or what a worker found.
    """
    pipeline = pipeline_on(runner, flags)
    _ = pipeline | "Ask" >> beam.Create([job]) | "Look around" >> beam.Map(check_here)
    run(pipeline, log, seconds)
