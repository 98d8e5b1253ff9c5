"""What stands for a shard plan: a digest of all that decides a shard's bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import beam_pipelines
import facevoice
import tfdata
from beam_pipelines.corpus.listing import Clip, MediaFile
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.plan import Pair
from facevoice import features
from facevoice.features import FeatureSettings
from tfdata.schema import FORMAT_VERSION
from tfdata.storage.base import Place

# The packages whose version can change a byte of a shard; `av`, an extra, may not be there.
DECIDING_PACKAGES = ("av", "facevoice", "librosa", "numpy", "pillow", "scipy", "soundfile", "soxr")


@dataclass(frozen=True)
class Job:
    """What every shard of a build shares.

    `run_id` tells this run from earlier ones; `code` is the driver's `worker_code`, and `software`
    its packages, which those of a worker must equal.
    """

    faces_root: Place
    audio_root: Place
    output: Place
    features: FeatureSettings
    num_shards: int
    run_id: str
    code: str
    software: Mapping[str, str]


@dataclass(frozen=True)
class ShardPlan:
    """The pairs of one shard, in their order."""

    split: str
    index: int
    pairs: tuple[Pair, ...]


@cache
def code_digest() -> str:
    """Stands for the code that turns a plan into bytes, so that an edit of it is a new plan."""
    files = [*Path(features.__file__).parent.glob("*.py")]
    files += [
        Path(__file__).with_name(name)
        for name in ("fingerprints.py", "shard_results.py", "writer.py")
    ]
    files += [Path(tfdata.__file__).with_name(name) for name in ("schema.py", "tfrecord.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


@cache
def worker_code() -> str:
    """Stands for all code that workers run, planning included."""
    rooms = [Path(module.__file__ or "").parent for module in (beam_pipelines, facevoice, tfdata)]
    files = [file for room in rooms for file in sorted(room.rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@cache
def software() -> dict[str, str]:
    """Name to version of each package that decides the bytes and is installed."""
    found = {name: _version(name) for name in DECIDING_PACKAGES}
    return {name: version for name, version in found.items() if version is not None}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def check_worker(job: Job) -> None:
    """Raises BuildError in a worker whose code or packages would make other bytes."""
    here = software()
    if here != job.software:
        differ = ", ".join(
            f"{name} {here.get(name, 'missing')} and not {job.software.get(name, 'missing')}"
            for name in DECIDING_PACKAGES
            if here.get(name) != job.software.get(name)
        )
        raise BuildError(f"A worker has other packages than the driver: {differ}.")
    if worker_code() != job.code:
        raise BuildError("A worker has other code of FaceVoice than the driver; make them equal.")


def plan_digest(plan: ShardPlan, job: Job) -> str:
    """Stands for all that decides a shard's content: settings, software, sources as they are now.

    Paths below the corpus' folders count, the folders themselves do not; sizes and modification
    times of the sources do. Spares do not: most are never looked at (see `spares_digest`).
    """
    sources = [
        [pair.identity, pair.key, *_facts(pair.face), *_facts(pair.window.clip)]
        for pair in plan.pairs
    ]
    parts = [FORMAT_VERSION, code_digest(), job.software, asdict(job.features)]
    return _digest([*parts, plan.split, plan.index, job.num_shards, sources])


def spares_digest(pair: Pair) -> str:
    """Stands for the spares of a pair, which decide its record if its own media are broken."""
    return _digest(
        [
            [[face.path, *_facts(face)] for face in pair.spare_faces],
            [[w.path, w.start_samples, *_facts(w.clip)] for w in pair.spare_windows],
        ]
    )


def _facts(file: MediaFile | Clip) -> list[str]:
    return [file.session, file.stamp]


def _digest(parts: Any) -> str:
    text = json.dumps(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
