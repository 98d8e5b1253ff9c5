"""Turns examples into rows: what formats other than TFRecord hold of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfdata.examples import Example
from tfdata.manifest import Manifest
from tfdata.schema import (
    AUDIO_EMBEDDING,
    AUDIO_SOURCE,
    FACE_BOX,
    FACE_POINTS,
    FACE_SCORE,
    FACE_SOURCE,
    FACE_TIME,
    IDENTITY,
    IMAGE_EMBEDDING,
    IMAGE_EMBEDDING_CENTRED,
    KEY,
    SESSION,
    SPEECH_SHARE,
    WINDOW_START,
)

LABEL = "label"


def facts(example: Example, manifest: Manifest) -> dict[str, Any]:
    """Returns all values of an example but its image and spectrogram, as JSON has them.

    The names are those of the record's features, and LABEL. Values that a dataset has in some
    records only are None in the others.
    """
    found: dict[str, Any] = {
        LABEL: manifest.people[example.identity].label,
        IDENTITY: example.identity,
        SESSION: example.session,
        KEY: example.key,
        FACE_SOURCE: example.face_source,
        AUDIO_SOURCE: example.audio_source,
        WINDOW_START: example.window_start_samples,
    }
    face, embeddings = example.face, example.embeddings
    optional = {
        FACE_BOX: _numbers(face.box if face else None),
        FACE_POINTS: _numbers(face.points if face else None),
        FACE_SCORE: face.score if face else None,
        FACE_TIME: example.face_time_seconds,
        SPEECH_SHARE: example.speech_share,
        IMAGE_EMBEDDING: _numbers(embeddings.image),
        IMAGE_EMBEDDING_CENTRED: int(embeddings.is_centred),
        AUDIO_EMBEDDING: _numbers(embeddings.audio),
    }
    described = manifest.describe_record()["features"]
    return found | {name: value for name, value in optional.items() if name in described}


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Returns an image as a PNG file: without loss, and fast rather than small."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def shard_stem(file: str) -> str:
    """Returns the name of a shard without its digest and extension: train-00003-of-00008."""
    return file.removesuffix(".tfrecord").rpartition("-")[0]


def described_features(manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
    """Returns name to type and shape of the features of a record."""
    features: Mapping[str, Mapping[str, Any]] = manifest.describe_record()["features"]
    return features


def _numbers(values: NDArray[np.float32] | None) -> Any:
    return None if values is None else values.tolist()
