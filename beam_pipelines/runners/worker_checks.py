"""What a worker must have and see: the driver's packages and code, the corpus and the output."""

from __future__ import annotations

import socket
from pathlib import Path

from beam_pipelines.errors import BuildError
from beam_pipelines.shards.fingerprints import Job, check_worker
from beam_pipelines.shards.stores import LOCK_NAME


def check_here(job: Job) -> None:
    """Raises BuildError in a worker that would make other bytes, or find nothing."""
    check_worker(job)
    for flag, root in (("--faces", job.faces_root), ("--audio", job.audio_root)):
        if isinstance(root, Path) and not root.is_dir():
            raise _unseen(flag, root)
    if isinstance(job.output, Path) and not (job.output / LOCK_NAME).exists():
        raise _unseen("--output", job.output)


def _unseen(flag: str, folder: Path) -> BuildError:
    return BuildError(
        f"A worker on {socket.gethostname()} does not see {flag} {folder}; mount it at the same "
        f"path on every machine, or give an address such as s3://bucket/folder."
    )
