"""Decodes the media of one shard: faces, windows of audio, and moments of videos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

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
from facevoice.features.shared_image import SharedImage
from facevoice.features.videos import open_video


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

    def decode_face(self, file: FaceSource) -> EncodedFace:
        """Returns the face of an image file."""
        source = self._trees[FACE].source(file.path)
        image = SharedImage(source)
        face = EncodedFace(extract_face(image, self._features))
        if self._features.face_encoder != "none":
            found = embed_face(image, self._features.face_encoder, self._or_centre)
            face = replace(face, embedding=found.embedding, is_centred=found.is_centred)
        self.digests[FACE, file.path] = content_digest(source)
        return face

    def decode_window(self, window: Window) -> EncodedWindow:
        """Returns a window of a clip."""
        source = self._trees[CLIP].source(window.path)
        start, share = window.start_samples, None
        if self._speech:
            found = self._speech.find(window, source)
            start, share = found.start_samples, found.speech_share
        samples = read_window(source, start, self._features)
        self._add_digest(CLIP, window.path, source)
        return self._encode(samples, start, share)

    def decode_moment(self, moment: Window) -> tuple[EncodedFace, EncodedWindow]:
        """Returns face and sound of a moment of a video; the sound first, which takes less time."""
        source, start = self._trees[VIDEO].source(moment.path), moment.start_samples
        start_seconds = start / self._features.sample_rate_hz
        try:
            with open_video(source) as video:
                samples = read_video_window(video, start, self._features)
                share = self._speech.check(samples) if self._speech else None
                found = find_video_face(video, start_seconds, self._features)
            face = EncodedFace(found.image)
            if self._features.face_encoder != "none":
                embedded = embed_frame(found, self._features.face_encoder, self._or_centre)
                face = EncodedFace(found.image, embedded.embedding, embedded.is_centred)
        except MediaError as error:
            detail = f"window from {start_seconds:.3f} s: {error.detail}"
            raise MediaError(error.reason, detail) from None
        self._add_digest(VIDEO, moment.path, source)
        return face, self._encode(samples, start, share)

    def _add_digest(self, kind: str, path: str, source: Path | BytesIO) -> None:
        if (kind, path) not in self.digests:  # windows of one file are in one shard
            self.digests[kind, path] = content_digest(source)

    def _encode(
        self, samples: NDArray[np.float32], start: int, share: float | None
    ) -> EncodedWindow:
        embedding = None
        if self._features.voice_encoder != "none":
            rate_hz = self._features.sample_rate_hz
            embedding = embed_window(samples, rate_hz, self._features.voice_encoder)
        return EncodedWindow(spectrogram(samples, self._features), start, share, embedding)

    @property
    def _or_centre(self) -> bool:
        """Without a face detector, the images of a corpus are crops of faces."""
        return self._features.face_detector == "none"
