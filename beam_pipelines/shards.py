"""One shard plan to one TFRecord file: the unit of work.

A worker decodes the pairs of a shard one after the other, writes them under a temporary name and
publishes the file, whole, under a name that carries its digest. What it made, and from what, is
noted in `.build/<plan digest>.json`; a plan that was already carried out is not carried out again.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import features
import tfdata
from beam_pipelines.corpus import Reject
from beam_pipelines.errors import BuildError
from beam_pipelines.folder import note_path, replace_file, work_folder
from beam_pipelines.plan import Pair
from features import FeatureSettings, MediaError, read_face, read_window, spectrogram
from tfdata.schema import FORMAT_VERSION, encode_record
from tfdata.tfrecord import frame

# The packages whose version can change a byte of a shard.
DECIDING_PACKAGES = ("facevoice", "librosa", "numpy", "pillow", "scipy", "soundfile", "soxr")


@dataclass(frozen=True)
class Job:
    """What every shard of a build shares."""

    faces_root: Path
    audio_root: Path
    output: Path
    features: FeatureSettings
    num_shards: int


@dataclass(frozen=True)
class ShardPlan:
    """The pairs of one shard, in their order."""

    split: str
    index: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class ShardNote:
    """What became of a shard plan.

    Attributes:
      split: one of SPLITS.
      file: name of the shard below the output folder; None where no pair could be used.
      records, bytes, sha256: its content.
      pairs: identity to number of records.
      sessions: identity to the videos of its faces and voices.
      rejects: media that could not be used.
    """

    split: str
    file: str | None
    records: int
    bytes: int
    sha256: str
    pairs: dict[str, int]
    sessions: dict[str, list[str]]
    rejects: list[Reject]


@cache
def code_digest() -> str:
    """Stands for the code that turns a plan into bytes, so that an edit of it is a new plan."""
    files = [*Path(features.__file__).parent.glob("*.py"), Path(__file__)]
    files += [Path(tfdata.__file__).with_name(name) for name in ("schema.py", "tfrecord.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


@cache
def software() -> dict[str, str]:
    """Name to version of each package that decides the bytes."""
    return {name: metadata.version(name) for name in DECIDING_PACKAGES}


def plan_digest(plan: ShardPlan, job: Job) -> str:
    """Stands for all that decides a shard's content: settings, software, sources as they are now.

    Paths below the corpus' folders count, the folders themselves do not; sizes and modification
    times of the sources do.
    """
    sources = [
        [pair.identity, pair.key, pair.face.stamp, pair.window.clip.stamp] for pair in plan.pairs
    ]
    parts = [
        FORMAT_VERSION,
        code_digest(),
        software(),
        asdict(job.features),
        plan.split,
        plan.index,
    ]
    text = json.dumps([*parts, job.num_shards, sources])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def write_shard(plan: ShardPlan, job: Job) -> ShardNote:
    """Carries out one shard plan, unless its note says that it was; memory is one pair's.

    Raises:
      BuildError: the output cannot be written.
    """
    digest = plan_digest(plan, job)
    temporary = work_folder(job.output) / f"{digest}.{uuid.uuid4().hex}.tmp"
    try:
        note = read_note(job.output, digest)
        if note is not None and _stands(job.output, note):
            return note
        note = _write(plan, job, temporary)
        replace_file(note_path(job.output, digest), json.dumps(asdict(note)).encode())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BuildError(
            f"The shard {plan.split} {plan.index} cannot be written to {job.output}: "
            f"{error.strerror}. Mend that and start again; finished shards are kept."
        ) from None
    return note


def read_note(output: Path, digest: str) -> ShardNote | None:
    """The note of a plan that was carried out, or None."""
    try:
        fields: dict[str, Any] = json.loads(note_path(output, digest).read_text())
    except FileNotFoundError:
        return None
    rejects = [Reject(**reject) for reject in fields.pop("rejects")]
    return ShardNote(**fields, rejects=rejects)


def _stands(output: Path, note: ShardNote) -> bool:
    """Whether a noted shard is still there, byte for byte."""
    if note.file is None:
        return True
    try:
        with (output / note.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == note.sha256
    except FileNotFoundError:
        return False


def _write(plan: ShardPlan, job: Job, temporary: Path) -> ShardNote:
    content = hashlib.sha256()
    pairs: dict[str, int] = {}
    sessions: dict[str, set[str]] = {}
    rejects: list[Reject] = []
    size = 0
    with temporary.open("wb") as file:
        for pair in plan.pairs:
            record = _make_record(pair, job, rejects)
            if record is None:
                continue
            framed = frame(record)
            file.write(framed)
            content.update(framed)
            size += len(framed)
            pairs[pair.identity] = pairs.get(pair.identity, 0) + 1
            sessions.setdefault(pair.identity, set()).update({pair.session, pair.face.session})
        file.flush()
        os.fsync(file.fileno())
    name = None
    if size:
        place = f"{plan.split}-{plan.index:05d}-of-{job.num_shards:05d}"
        name = f"{place}-{content.hexdigest()[:12]}.tfrecord"
        temporary.replace(job.output / name)
    else:
        temporary.unlink()
    return ShardNote(
        split=plan.split,
        file=name,
        records=sum(pairs.values()),
        bytes=size,
        sha256=content.hexdigest(),
        pairs=pairs,
        sessions={identity: sorted(videos) for identity, videos in sessions.items()},
        rejects=rejects,
    )


def _make_record(pair: Pair, job: Job, rejects: list[Reject]) -> bytes | None:
    """Decodes one pair. A medium that cannot be used is noted, and the pair left out."""
    bad = len(rejects)
    clip, start = pair.window.clip, pair.window.start_samples
    try:
        face = read_face(job.faces_root / pair.face.path, job.features)
    except MediaError as error:
        rejects.append(Reject(pair.face.path, error.reason.value, error.detail))
    try:
        window = read_window(job.audio_root / clip.path, start, job.features)
    except MediaError as error:
        rejects.append(Reject(clip.path, error.reason.value, error.detail))
    if len(rejects) > bad:
        return None
    return encode_record(
        face,
        spectrogram(window, job.features),
        identity=pair.identity,
        session=pair.session,
        key=pair.key,
        face_source=pair.face.path,
        audio_source=clip.path,
        window_start_samples=start,
    )
