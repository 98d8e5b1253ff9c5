"""Decodes the media of one shard: faces, windows of audio, and moments of videos."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.corpus.content import content_digest
from beam_pipelines.corpus.listing import CLIP, FACE, VIDEO
from beam_pipelines.planning.moments import FaceSource
from beam_pipelines.planning.windows import Window
from beam_pipelines.shards.fingerprints import Job, ShardPlan
from beam_pipelines.shards.speech_windows import SpeechWindows
from facevoice.encoders.media import embed_face, embed_frame, embed_window
from facevoice.features import (
    FaceImage,
    MediaError,
    extract_face,
    find_video_face,
    read_video_window,
    read_window,
    spectrogram,
)


@dataclass(frozen=True, eq=False)
class EncodedFace:
    """A face image and, with an encoder, its embedding."""

    image: FaceImage
    embedding: NDArray[np.float32] | None = None
    is_centred: bool = False


@dataclass(frozen=True, eq=False)
class EncodedWindow:
    """A window as it was read.

    Attributes:
      levels: the spectrogram, uint8 [bands, frames].
      start_samples: its first sample.
      speech_share: only with voice activity detection.
      embedding: only with an encoder.
    """

    levels: NDArray[np.uint8]
    start_samples: int
    speech_share: float | None = None
    embedding: NDArray[np.float32] | None = None


class MediaDecoder:
    """Decodes the media of a shard, and remembers the digests of their files.

    All methods raise MediaError for media that cannot be used, and DetectorError, EncoderError,
    WeightsError and VoiceActivityError.

    Attributes:
      digests: kind and path to the digest of the content, of the media that were decoded.
    """

    def __init__(self, plan: ShardPlan, job: Job) -> None:
        self.digests: dict[tuple[str, str], bytes] = {}
        self._features = job.features
        self._trees = job.trees()
        is_moved = job.features.voice_activity != "none"
        self._speech = SpeechWindows(plan, job) if is_moved else None

    def decode_face(self, medium: FaceSource) -> EncodedFace:
        """Returns the face of an image file, or of a moment of a video."""
        if isinstance(medium, Window):
            return self._decode_frame(medium)
        source = self._trees[FACE].source(medium.path)
        face = EncodedFace(extract_face(source, self._features))
        if self._features.face_encoder != "none":
            found = embed_face(source, self._features.face_encoder, self._or_centre)
            face = replace(face, embedding=found.embedding, is_centred=found.is_centred)
        self.digests[FACE, medium.path] = content_digest(source)
        return face

    def decode_window(self, window: Window) -> EncodedWindow:
        """Returns a window of a clip, or the sound of a moment of a video."""
        kind, read = (VIDEO, read_video_window) if window.is_moment else (CLIP, read_window)
        source = self._trees[kind].source(window.path)
        start, share = window.start_samples, None
        if self._speech and not window.is_moment:
            found = self._speech.find(window)
            start, share = found.start_samples, found.speech_share
        samples = read(source, start, self._features)
        if self._speech and window.is_moment:
            share = self._speech.check(samples)
        if (kind, window.path) not in self.digests:  # windows of one clip are in one shard
            self.digests[kind, window.path] = content_digest(source)
        embedding = None
        if self._features.voice_encoder != "none":
            rate_hz = self._features.sample_rate_hz
            embedding = embed_window(samples, rate_hz, self._features.voice_encoder)
        return EncodedWindow(spectrogram(samples, self._features), start, share, embedding)

    def decode_moment(self, moment: Window) -> tuple[EncodedFace, EncodedWindow]:
        """Returns face and sound of a moment of a video; the sound first, which takes less time."""
        try:
            window = self.decode_window(moment)
            return self.decode_face(moment), window
        except MediaError as error:
            start_seconds = moment.start_samples / self._features.sample_rate_hz
            detail = f"window from {start_seconds:.3f} s: {error.detail}"
            raise MediaError(error.reason, detail) from None

    def _decode_frame(self, moment: Window) -> EncodedFace:
        source = self._trees[VIDEO].source(moment.path)
        start_seconds = moment.start_samples / self._features.sample_rate_hz
        found = find_video_face(source, start_seconds, self._features)
        if self._features.face_encoder == "none":
            return EncodedFace(found.image)
        embedded = embed_frame(found, self._features.face_encoder, self._or_centre)
        return EncodedFace(found.image, embedded.embedding, embedded.is_centred)

    @property
    def _or_centre(self) -> bool:
        """Without a face detector, the images of a corpus are crops of faces."""
        return self._features.face_detector == "none"
