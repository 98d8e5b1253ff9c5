"""One shard plan to one TFRecord file: the unit of work.

A worker decodes the pairs of a shard one after the other, writes them into a temporary file and
publishes it, whole, under a name that carries its digest. What it made, and from what, is
noted in `.build/<plan digest>.json`; a plan that was already carried out is not carried out again.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.corpus.listing import CLIP, FACE, MediaFile, Reject
from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.pairing import MediaReference
from beam_pipelines.planning.plan import Pair
from beam_pipelines.planning.windows import Window
from beam_pipelines.shards.fingerprints import Job, ShardPlan, plan_digest, spares_digest
from beam_pipelines.shards.shard_results import (
    Replacement,
    ShardResult,
    is_reusable,
    read_result,
    write_result,
)
from beam_pipelines.shards.stores import Store, store_at
from facevoice.features import (
    FeatureSettings,
    MediaError,
    Reason,
    read_face,
    read_window,
    spectrogram,
)
from tfdata.schema import encode_record
from tfdata.tfrecord import frame

M = TypeVar("M", bound=MediaReference)


@dataclass(frozen=True)
class Used(Generic[M]):
    """The medium that was used, its place among those that stood by, and what it became."""

    at: int
    medium: M
    array: NDArray[np.uint8]


def write_shard(plan: ShardPlan, job: Job) -> ShardResult:
    """Carries out one shard plan, unless its note says that it was; memory is one pair's.

    Raises:
      BuildError: the output cannot be written.
    """
    digest = plan_digest(plan, job)
    try:
        store = store_at(job.output)
        note = read_result(store, digest)
        if note is not None and is_reusable(plan, note) and _stands(store, note):
            return note
        note = _write(plan, job, store, digest)
        write_result(store, digest, note)
    except OSError as error:
        raise BuildError(
            f"The shard {plan.split} {plan.index} cannot be written to {job.output}: "
            f"{error.strerror}. Mend that and start again; finished shards are kept."
        ) from None
    return note


def expected_bytes(plan: ShardPlan, settings: FeatureSettings) -> int:
    """The size of a shard, if each pair is made from its own media; within 1 %."""
    image = np.zeros(settings.image_shape, np.uint8)
    levels = np.zeros(settings.spectrogram_shape, np.uint8)
    record = len(frame(_record(plan.pairs[0], image, levels)))
    return record * len(plan.pairs)


def _stands(store: Store, note: ShardResult) -> bool:
    return note.file is None or store.still_holds(note.file, note.bytes, note.sha256)


def _write(plan: ShardPlan, job: Job, store: Store, digest: str) -> ShardResult:
    content = hashlib.sha256()
    pairs: Counter[str] = Counter()
    sessions: dict[str, set[str]] = defaultdict(set)
    rejects: list[Reject] = []
    replaced: dict[str, Replacement] = {}
    size = opened = 0

    faces, audio = tree_at(job.faces_root), tree_at(job.audio_root)

    def face_of(file: MediaFile) -> NDArray[np.uint8]:
        return read_face(faces.source(file.path), job.features)

    def voice_of(window: Window) -> NDArray[np.uint8]:
        samples = read_window(audio.source(window.path), window.start_samples, job.features)
        return spectrogram(samples, job.features)

    with store.new_file(digest) as file:
        for pair in plan.pairs:
            face = _first_usable(FACE, (pair.face, *pair.spare_faces), face_of, rejects)
            voice = _first_usable(CLIP, (pair.window, *pair.spare_windows), voice_of, rejects)
            opened += 1 + (len(pair.spare_faces) if face is None else face.at)
            used = (face.at if face else None, voice.at if voice else None)
            if used != (0, 0):
                replaced[pair.key] = Replacement(spares_digest(pair), *used)
            if face is None or voice is None:
                continue
            made = replace(pair, face=face.medium, window=voice.medium)
            framed = frame(_record(made, face.array, voice.array))
            file.write(framed)
            content.update(framed)
            size += len(framed)
            pairs[made.identity] += 1
            sessions[made.identity] |= {made.session, made.face.session}
        name = None
        if size:
            place = f"{plan.split}-{plan.index:05d}-of-{job.num_shards:05d}"
            name = f"{place}-{content.hexdigest()[:12]}.tfrecord"
            store.publish(file, name)
    return ShardResult(
        run_id=job.run_id,
        split=plan.split,
        file=name,
        records=pairs.total(),
        bytes=size,
        sha256=content.hexdigest(),
        pairs=dict(pairs),
        sessions={identity: sorted(videos) for identity, videos in sessions.items()},
        opened=opened,
        rejects=rejects,
        out_of_reach=any(_is_out_of_reach(reject, job) for reject in rejects),
        replaced=replaced,
    )


def _is_out_of_reach(reject: Reject, job: Job) -> bool:
    """Whether the bytes of a file could not be read: no permission, a disk in trouble."""
    if reject.reason != Reason.UNREADABLE:
        return False
    tree = tree_at(job.faces_root if reject.kind == FACE else job.audio_root)
    return not tree.is_readable(reject.path)


def _first_usable(
    kind: str, media: Iterable[M], read: Callable[[M], NDArray[np.uint8]], rejects: list[Reject]
) -> Used[M] | None:
    """The first medium that can be read; those before it, which cannot, are noted."""
    for at, medium in enumerate(media):
        try:
            return Used(at, medium, read(medium))
        except MediaError as error:
            rejects.append(Reject(kind, medium.path, error.reason.value, error.detail))
    return None


def _record(pair: Pair, image: NDArray[np.uint8], levels: NDArray[np.uint8]) -> bytes:
    return encode_record(
        image,
        levels,
        identity=pair.identity,
        session=pair.session,
        key=pair.key,
        face_source=pair.face.path,
        audio_source=pair.window.path,
        window_start_samples=pair.window.start_samples,
    )
