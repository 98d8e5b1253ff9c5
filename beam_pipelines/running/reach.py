"""What a worker must have and see: the driver's packages and code, the corpus and the output."""

from __future__ import annotations

import socket
from pathlib import Path

from beam_pipelines.errors import BuildError
from beam_pipelines.shards.digests import Job, check_worker
from beam_pipelines.shards.stores import LOCK_NAME


def check_here(job: Job) -> None:
    """Raises BuildError in a worker that would make other bytes, or find nothing."""
    check_worker(job)
    _check_folder("--faces", job.faces_root, job.faces_root)
    _check_folder("--audio", job.audio_root, job.audio_root)
    if isinstance(job.output, Path):
        _check_folder("--output", job.output, job.output / LOCK_NAME)


def _check_folder(flag: str, folder: Path, sign: Path) -> None:
    if not sign.exists():
        or_else = ", or give an address such as s3://bucket/set" if flag == "--output" else ""
        raise BuildError(
            f"A worker on {socket.gethostname()} does not see {flag} {folder}; mount it at the "
            f"same path on every machine{or_else}."
        )
