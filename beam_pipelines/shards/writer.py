"""Writes the TFRecord file of one shard plan: the unit of work.

A worker decodes the pairs of a shard one by one, writes them to a temporary file, and publishes the
finished file under a name with the digest of its content. The result is written to
`.build/<plan digest>.json`, so the shard is not written again by later builds.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.corpus.content import content_digest
from beam_pipelines.corpus.listing import CLIP, FACE, MOMENT, VIDEO
from beam_pipelines.errors import BuildError
from beam_pipelines.planning.moments import FaceSource
from beam_pipelines.planning.pairing import MediaReference
from beam_pipelines.planning.plan import Pair
from beam_pipelines.planning.windows import Window
from beam_pipelines.shards.decoding import EncodedFace, EncodedWindow, MediaDecoder
from beam_pipelines.shards.fingerprints import Job, ShardPlan, plan_digest, spares_digest
from beam_pipelines.shards.shard_results import (
    Replacement,
    ShardResult,
    is_reusable,
    read_result,
    write_result,
    written_pairs,
)
from beam_pipelines.shards.stores import Store, store_at
from beam_pipelines.shards.used_media import used_media
from facevoice.encoders.registry import EncoderError, encoder_info
from facevoice.features import FaceImage, FeatureSettings, MediaError, Reason
from facevoice.features.face_detection import DetectorError
from facevoice.weights import WeightsError
from tfdata.rejects import Reject
from tfdata.schema import POINT_NAMES, DetectedFace, Embeddings, encode_record
from tfdata.storage.base import Place
from tfdata.tfrecord import frame

M = TypeVar("M", bound=MediaReference)
A = TypeVar("A")


@dataclass(frozen=True)
class Decoded(Generic[M, A]):
    """What was decoded from a medium, and its index among a pair's own medium and the spares."""

    index: int
    medium: M
    content: A


def write_shard(plan: ShardPlan, job: Job) -> ShardResult:
    """Writes a shard, unless an earlier build has written it. One pair at a time is in memory.

    Raises:
      BuildError: the output cannot be written.
    """
    digest = plan_digest(plan, job)
    try:
        store = store_at(job.output)
        result = _reusable_result(plan, job.output, digest)
        if result is not None and _shard_exists(store, result):
            if result.media is not None:
                return result
            result = _with_media(plan, job, result)
        else:
            result = None
        result = result or _write(plan, job, store, digest)
        write_result(store, digest, result)
    except (DetectorError, EncoderError, WeightsError) as error:
        raise BuildError(str(error)) from None
    except OSError as error:
        raise BuildError(
            f"The shard {plan.split} {plan.index} cannot be written to {job.output}: "
            f"{error.strerror}. Fix that and run the same command again; finished shards are kept."
        ) from None
    return result


def has_reusable_result(plan: ShardPlan, output: Place, digest: str) -> bool:
    """Returns whether an earlier build has left a complete result that the plan would give again.

    Whether the shard exists is not checked.

    Raises:
      BuildError: the output cannot be read.
    """
    try:
        result = _reusable_result(plan, output, digest)
        return result is not None and result.media is not None
    except OSError as error:
        raise BuildError(f"--output {output} cannot be read: {error.strerror}.") from None


def _reusable_result(plan: ShardPlan, output: Place, digest: str) -> ShardResult | None:
    result = read_result(store_at(output), digest)
    return result if result is not None and is_reusable(plan, result) else None


def _with_media(plan: ShardPlan, job: Job, result: ShardResult) -> ShardResult | None:
    """Adds the media to the result of a version that did not compare contents.

    Nothing is decoded. Returns None if a file cannot be read any more.
    """
    trees = job.trees()

    @cache
    def digest(kind: str, path: str) -> bytes:
        return content_digest(trees[kind].source(path))

    try:
        return replace(result, media=used_media(written_pairs(plan, result), digest))
    except MediaError:
        return None


def expected_bytes(plan: ShardPlan, settings: FeatureSettings) -> int:
    """Returns the size of a shard within 1 % if no media are broken."""
    image = np.zeros(settings.image_shape, np.uint8)
    levels = np.zeros(settings.spectrogram_shape, np.uint8)
    detected = None
    if settings.face_detector != "none":
        places = np.zeros((len(POINT_NAMES), 2), np.float32)
        detected = DetectedFace(places[:2].ravel(), places, 0.0)
    share = None if settings.voice_activity == "none" else 0.0
    pair = plan.pairs[0]
    seconds = 0.0 if pair.is_moment else None
    face = EncodedFace(FaceImage(image, detected, seconds), _empty_embedding(settings.face_encoder))
    window = EncodedWindow(levels, 0, share, _empty_embedding(settings.voice_encoder))
    record = len(frame(_record(pair, face, window)))
    return record * len(plan.pairs)


def _empty_embedding(encoder: str) -> NDArray[np.float32] | None:
    return None if encoder == "none" else np.zeros(encoder_info(encoder).dimension, np.float32)


def _shard_exists(store: Store, result: ShardResult) -> bool:
    return result.file is None or store.still_holds(result.file, result.bytes, result.sha256)


def _write(plan: ShardPlan, job: Job, store: Store, digest: str) -> ShardResult:
    content = hashlib.sha256()
    pairs: Counter[str] = Counter()
    sessions: dict[str, set[str]] = defaultdict(set)
    rejects: list[Reject] = []
    replaced: dict[str, Replacement] = {}
    size = opened = opened_moments = centred = 0
    decoder = MediaDecoder(plan, job)

    with store.new_file(digest) as file:
        for pair in plan.pairs:
            face: Decoded[FaceSource, EncodedFace] | None = None
            window: Decoded[Window, EncodedWindow] | None = None
            windows = (pair.window, *pair.spare_windows)
            if pair.is_moment:
                both = _first_usable(MOMENT, windows, decoder.decode_moment, rejects)
                if both is not None:
                    face = Decoded(both.index, both.medium, both.content[0])
                    window = Decoded(both.index, both.medium, both.content[1])
                opened_moments += 1 + (len(pair.spare_windows) if both is None else both.index)
            else:
                faces = (pair.face, *pair.spare_faces)
                face = _first_usable(FACE, faces, decoder.decode_face, rejects)
                window = _first_usable(CLIP, windows, decoder.decode_window, rejects)
                opened += 1 + (len(pair.spare_faces) if face is None else face.index)
            used = (face.index if face else None, window.index if window else None)
            if used != (0, 0):
                replaced[pair.key] = Replacement(spares_digest(pair), *used)
            if face is None or window is None:
                continue
            written = replace(pair, face=face.medium, window=window.medium)
            framed = frame(_record(written, face.content, window.content))
            file.write(framed)
            content.update(framed)
            size += len(framed)
            centred += face.content.is_centred
            pairs[written.identity] += 1
            sessions[written.identity] |= {written.session, written.face.session}
        name = None
        if size:
            prefix = f"{plan.split}-{plan.index:05d}-of-{job.num_shards:05d}"
            name = f"{prefix}-{content.hexdigest()[:12]}.tfrecord"
            store.publish(file, name)
    result = ShardResult(
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
        opened_moments=opened_moments,
        centred=centred,
    )
    digests = decoder.digests
    media = used_media(written_pairs(plan, result), lambda kind, path: digests[kind, path])
    return replace(result, media=media)


def _is_out_of_reach(reject: Reject, job: Job) -> bool:
    """Returns whether the bytes of a file cannot be read: no permission, or an I/O error."""
    if reject.reason != Reason.UNREADABLE:
        return False
    kind = VIDEO if reject.kind == MOMENT else reject.kind
    return not job.trees()[kind].is_readable(reject.path)


def _first_usable(
    kind: str, media: Iterable[M], read: Callable[[M], A], rejects: list[Reject]
) -> Decoded[M, A] | None:
    """Returns the first medium that can be decoded, or None; adds those before it to `rejects`."""
    for index, medium in enumerate(media):
        try:
            return Decoded(index, medium, _read_twice(read, medium))
        except MediaError as error:
            rejects.append(Reject(kind, medium.path, error.reason.value, error.detail))
    return None


def _read_twice(read: Callable[[M], A], medium: M) -> A:
    """Decodes a medium; one that is unreadable once more, as disks and networks fail for a moment.

    Later builds would keep the reject: the file can be read when they ask.
    """
    try:
        return read(medium)
    except MediaError as error:
        if error.reason != Reason.UNREADABLE:
            raise
    return read(medium)


def _record(pair: Pair, face: EncodedFace, window: EncodedWindow) -> bytes:
    return encode_record(
        face.image.pixels,
        window.levels,
        identity=pair.identity,
        session=pair.session,
        key=pair.record_key(face.image.seconds),
        face_source=pair.face.path,
        audio_source=pair.window.path,
        window_start_samples=window.start_samples,
        face=face.image.detected,
        face_time_seconds=face.image.seconds,
        speech_share=window.speech_share,
        embeddings=Embeddings(face.embedding, window.embedding, face.is_centred),
    )
