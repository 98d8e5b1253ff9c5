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
    written_pairs,
)
from beam_pipelines.shards.stores import Store, store_at
from beam_pipelines.shards.used_media import used_media
from facevoice.encoders.media import embed_face, embed_window
from facevoice.encoders.registry import EncoderError, encoder_info
from facevoice.features import (
    FaceImage,
    FeatureSettings,
    MediaError,
    Reason,
    extract_face,
    read_window,
    spectrogram,
)
from facevoice.features.face_detection import DetectorError
from facevoice.weights import WeightsError
from tfdata.schema import POINT_NAMES, DetectedFace, Embeddings, encode_record
from tfdata.tfrecord import frame

M = TypeVar("M", bound=MediaReference)
A = TypeVar("A")


@dataclass(frozen=True)
class Decoded(Generic[M, A]):
    """What was decoded from a medium, and its index among a pair's own medium and the spares."""

    index: int
    medium: M
    content: A


@dataclass(frozen=True, eq=False)
class EncodedFace:
    """A face image and, with an encoder, its embedding."""

    image: FaceImage
    embedding: NDArray[np.float32] | None = None
    is_centred: bool = False


@dataclass(frozen=True, eq=False)
class EncodedWindow:
    """The levels of a spectrogram and, with an encoder, the embedding of its window."""

    levels: NDArray[np.uint8]
    embedding: NDArray[np.float32] | None = None


def write_shard(plan: ShardPlan, job: Job) -> ShardResult:
    """Writes a shard, unless an earlier build has written it. One pair at a time is in memory.

    Raises:
      BuildError: the output cannot be written.
    """
    digest = plan_digest(plan, job)
    try:
        store = store_at(job.output)
        result = read_result(store, digest)
        if result is not None and is_reusable(plan, result) and _shard_exists(store, result):
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


def _with_media(plan: ShardPlan, job: Job, result: ShardResult) -> ShardResult | None:
    """Adds the media to the result of a version that did not compare contents.

    Nothing is decoded. Returns None if a file cannot be read any more.
    """
    trees = {FACE: tree_at(job.faces_root), CLIP: tree_at(job.audio_root)}

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
    face = EncodedFace(FaceImage(image, detected), _empty_embedding(settings.face_encoder))
    window = EncodedWindow(levels, _empty_embedding(settings.voice_encoder))
    record = len(frame(_record(plan.pairs[0], face, window)))
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
    digests: dict[tuple[str, str], bytes] = {}
    size = opened = centred = 0

    faces, audio = tree_at(job.faces_root), tree_at(job.audio_root)

    def decode_face(file: MediaFile) -> EncodedFace:
        source = faces.source(file.path)
        image = EncodedFace(extract_face(source, job.features))
        if job.features.face_encoder != "none":
            # Without a face detector, the images of a corpus are crops of faces.
            or_centre = job.features.face_detector == "none"
            found = embed_face(source, job.features.face_encoder, or_centre)
            image = replace(image, embedding=found.embedding, is_centred=found.is_centred)
        digests[FACE, file.path] = content_digest(source)
        return image

    def decode_window(window: Window) -> EncodedWindow:
        source = audio.source(window.path)
        samples = read_window(source, window.start_samples, job.features)
        if (CLIP, window.path) not in digests:  # windows of one clip are in one shard
            digests[CLIP, window.path] = content_digest(source)
        embedding = None
        if job.features.voice_encoder != "none":
            rate_hz = job.features.sample_rate_hz
            embedding = embed_window(samples, rate_hz, job.features.voice_encoder)
        return EncodedWindow(spectrogram(samples, job.features), embedding)

    with store.new_file(digest) as file:
        for pair in plan.pairs:
            face = _first_usable(FACE, (pair.face, *pair.spare_faces), decode_face, rejects)
            window = _first_usable(CLIP, (pair.window, *pair.spare_windows), decode_window, rejects)
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
        centred=centred,
    )
    media = used_media(written_pairs(plan, result), lambda kind, path: digests[kind, path])
    return replace(result, media=media)


def _is_out_of_reach(reject: Reject, job: Job) -> bool:
    """Returns whether the bytes of a file cannot be read: no permission, or an I/O error."""
    if reject.reason != Reason.UNREADABLE:
        return False
    tree = tree_at(job.faces_root if reject.kind == FACE else job.audio_root)
    return not tree.is_readable(reject.path)


def _first_usable(
    kind: str, media: Iterable[M], read: Callable[[M], A], rejects: list[Reject]
) -> Decoded[M, A] | None:
    """Returns the first medium that can be decoded, or None; adds those before it to `rejects`."""
    for index, medium in enumerate(media):
        try:
            return Decoded(index, medium, read(medium))
        except MediaError as error:
            rejects.append(Reject(kind, medium.path, error.reason.value, error.detail))
    return None


def _record(pair: Pair, face: EncodedFace, window: EncodedWindow) -> bytes:
    return encode_record(
        face.image.pixels,
        window.levels,
        identity=pair.identity,
        session=pair.session,
        key=pair.key,
        face_source=pair.face.path,
        audio_source=pair.window.path,
        window_start_samples=pair.window.start_samples,
        face=face.image.detected,
        embeddings=Embeddings(face.embedding, window.embedding, face.is_centred),
    )
