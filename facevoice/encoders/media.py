"""Turns faces and windows of audio into embeddings: float32, L2-normalised.

One face or window is encoded at a time, so its embedding does not depend on others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderError, EncoderInfo
from facevoice.encoders.registry import audio_encoder, image_encoder
from facevoice.features import (
    FeatureSettings,
    MediaError,
    Reason,
    VideoFace,
    consecutive_starts,
    probe_audio,
    read_face,
    read_window,
)
from facevoice.features.faces import crop_expected_face, crop_face, find_faces, largest_face
from facevoice.features.shared_image import ImageSource, as_shared

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FaceEmbedding:
    """The embedding of a face.

    Attributes:
      embedding: float32 [dimension].
      is_centred: whether no face was found, and the centre of the image was encoded.
    """

    embedding: Floats
    is_centred: bool = False


def embed_face(source: ImageSource, encoder_name: str, or_centre: bool = False) -> FaceEmbedding:
    """Returns the embedding of the largest face of an image, aligned as the encoder expects it.

    Args:
      source: path, open file or shared image.
      encoder_name: an encoder of images.
      or_centre: where no face is found, take the image for one of VoxCeleb's crops, and encode what
        is at the mean place of their faces.

    Raises:
      MediaError: unreadable, too_large, too_small, blank or, unless `or_centre`, no_face.
      EncoderError: there is no such encoder, it fails, or LiteRT is missing.
      DetectorError: LiteRT is missing.
      WeightsError: the weights are missing or damaged.
    """
    encoder = image_encoder(encoder_name)
    pixels, is_centred = align_face(source, encoder.features, or_centre)
    return FaceEmbedding(_normalised(encoder(pixels), encoder.info), is_centred)


def align_face(
    source: ImageSource, settings: FeatureSettings, or_centre: bool = False
) -> tuple[NDArray[np.uint8], bool]:
    """Returns the crop of a face that an encoder reads, and whether no face was found.

    Args:
      source, or_centre: as in `embed_face`.
      settings: those of the encoder.

    Raises:
      MediaError, DetectorError, WeightsError: as `embed_face`.
    """
    image = as_shared(source)
    try:
        return read_face(image, settings), False
    except MediaError as error:
        if not or_centre or error.reason != Reason.NO_FACE:
            raise
        return crop_expected_face(image.decode(), settings), True


def embed_frame(face: VideoFace, encoder_name: str, or_centre: bool = False) -> FaceEmbedding:
    """Returns the embedding of the face of a frame, or of its largest face if none was detected.

    Args:
      face: the face of a window of a video.
      encoder_name, or_centre: as in `embed_face`.

    Raises:
      As `embed_face`.
    """
    encoder = image_encoder(encoder_name)
    detected, is_centred = face.detected, False
    if detected is None:
        found = find_faces(face.frame, encoder.features)
        detected = largest_face(found) if len(found) else None
    if detected is not None:
        pixels = crop_face(face.frame, detected, encoder.features).pixels
    elif or_centre:
        pixels, is_centred = crop_expected_face(face.frame, encoder.features), True
    else:
        raise MediaError(Reason.NO_FACE, f"no face at {face.image.seconds or 0:.3f} s")
    return FaceEmbedding(_normalised(encoder(pixels), encoder.info), is_centred)


def embed_window(samples: Floats, sample_rate_hz: int, encoder_name: str) -> Floats:
    """Returns the embedding [dimension] of a window, which is resampled if the encoder needs that.

    Args:
      samples: mono samples, of `read_window`.
      sample_rate_hz: of the samples.
      encoder_name: an encoder of audio.

    Raises:
      EncoderError: there is no such encoder, it fails, or LiteRT is missing.
      WeightsError: the weights are missing or damaged.
    """
    encoder = audio_encoder(encoder_name)
    if sample_rate_hz != encoder.sample_rate_hz:
        samples = soxr.resample(samples, sample_rate_hz, encoder.sample_rate_hz)
    return _normalised(encoder(samples), encoder.info)


def embed_face_file(path: str | os.PathLike[str], encoder_name: str) -> Floats:
    """Returns the embedding [dimension] of the largest face of an image file; see `embed_face`."""
    return embed_face(path, encoder_name).embedding


def embed_clip_file(
    path: str | os.PathLike[str], encoder_name: str, window_seconds: float = 3.0
) -> Floats:
    """Returns the embeddings [windows, dimension] of the usable windows of an audio file.

    The windows are those of `consecutive_starts`.

    Args:
      path: path of the clip.
      encoder_name: an encoder of audio.
      window_seconds: length of a window.

    Raises:
      MediaError: unreadable, sample_rate, too_short, not_finite or silent; that of the first window
        if no window can be used.
      EncoderError, WeightsError: as `embed_window`.
    """
    rate_hz = audio_encoder(encoder_name).sample_rate_hz
    settings = FeatureSettings(
        sample_rate_hz=rate_hz, max_hz=rate_hz / 2, window_seconds=window_seconds
    )
    found, errors = [], []
    for start in consecutive_starts(probe_audio(path).samples_at(rate_hz), settings):
        try:
            samples = read_window(path, start, settings)
            found.append(embed_window(samples, rate_hz, encoder_name))
        except MediaError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return np.stack(found)


def _normalised(embedding: Floats, info: EncoderInfo) -> Floats:
    """Returns an embedding with the L2 norm 1.

    Raises:
      EncoderError: it has another shape, values that are not finite, or only zeros.
    """
    values = np.asarray(embedding, np.float64)
    norm = float(np.sqrt((values**2).sum()))
    if values.shape != (info.dimension,) or not np.isfinite(norm) or norm == 0:
        raise EncoderError(
            f"The encoder {info.name} returned values of the shape {values.shape} and the norm "
            f"{norm:g} instead of {info.dimension} numbers."
        )
    return (values / norm).astype(np.float32)
