"""Defines the format of a dataset: file names, splits, and the features of a record.

A dataset is a directory of TFRecord shards and `dataset.json`, the manifest (`tfdata.manifest`).
FORMAT_VERSION is raised when an older reader would misread what this module defines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfdata.tfrecord import serialize_example

FORMAT = "facevoice-dataset"
FORMAT_VERSION = 1
MANIFEST_NAME = "dataset.json"
CARD_NAME = "card.html"
SPLITS = ("train", "validation", "test")

# Names of a record's features. Arrays are raw bytes, row-major; texts are UTF-8.
IMAGE = "image"  # uint8 [height, width, 3], RGB
SPECTROGRAM = "spectrogram"  # uint8 [bands, frames], row 0 is the lowest band
IDENTITY = "identity"  # the person; the manifest maps it to a label
SESSION = "session"  # video of the clip, and nearly always of the face image (see `face_source`)
KEY = "key"  # unique in the dataset
FACE_SOURCE = "face_source"  # path below the directory of face images, or of videos
AUDIO_SOURCE = "audio_source"  # path below the directory of clips, or of videos
WINDOW_START = "window_start_samples"  # int64, at the sample_rate_hz of the feature settings
# Only in datasets with a face detector: float32, little-endian, in fractions of the width and the
# height of the upright image.
FACE_BOX = "face_box"  # [4]: left, top, right, bottom
FACE_POINTS = "face_points"  # [6, 2]: x and y of each of POINT_NAMES
FACE_SCORE = "face_score"  # []: of the detector, 0 to 1
# Only in records whose face and clip are of a video, which both sources name: float32 [],
# little-endian, seconds from the start of the file. It lies within the window, which counts from
# there, too.
FACE_TIME = "face_time_seconds"
# Only in datasets with voice activity detection: float32, little-endian.
SPEECH_SHARE = "speech_share"  # []: share of the window that is speech, 0 to 1
# Only in datasets with encoders: float32, little-endian, of L2 norm 1.
IMAGE_EMBEDDING = "image_embedding"  # [dimension]: of the face
AUDIO_EMBEDDING = "audio_embedding"  # [dimension]: of the window
# The encoders that galleries use, and messages name, unless another is asked for.
DEFAULT_ENCODERS = {"image": "dlib_resnet", "audio": "ge2e"}
# int64: 1 if no face was found, and the centre of the image was encoded instead, otherwise 0.
IMAGE_EMBEDDING_CENTRED = "image_embedding_centred"
# Right and left are the person's own: the right eye is on the left side of an image.
POINT_NAMES = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
TEXTS = (IDENTITY, SESSION, KEY, FACE_SOURCE, AUDIO_SOURCE)


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """Where a face detector found a face: FACE_BOX, FACE_POINTS and FACE_SCORE of a record."""

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    score: float

    def features(self) -> dict[str, bytes]:
        """Returns the features of a record."""
        values = {FACE_BOX: self.box, FACE_POINTS: self.points, FACE_SCORE: self.score}
        return {name: _float_bytes(value) for name, value in values.items()}

    @staticmethod
    def from_record(record: Mapping[str, bytes | int]) -> DetectedFace | None:
        """Returns the detected face of a record, or None if it has none.

        Raises:
          ValueError: a feature has another size.
        """
        if FACE_BOX not in record:
            return None
        box, points, score = (
            _floats(record, name, count)
            for name, count in ((FACE_BOX, 4), (FACE_POINTS, 2 * len(POINT_NAMES)), (FACE_SCORE, 1))
        )
        return DetectedFace(box, points.reshape(-1, 2), float(score[0]))


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of a record: IMAGE_EMBEDDING and AUDIO_EMBEDDING, each None without an encoder.

    Attributes:
      image, audio: float32 [dimension].
      is_centred: IMAGE_EMBEDDING_CENTRED.
    """

    image: NDArray[np.float32] | None = None
    audio: NDArray[np.float32] | None = None
    is_centred: bool = False

    def features(self) -> dict[str, bytes | int]:
        """Returns the features of a record."""
        found: dict[str, bytes | int] = {}
        if self.image is not None:
            found[IMAGE_EMBEDDING] = _float_bytes(self.image)
            found[IMAGE_EMBEDDING_CENTRED] = int(self.is_centred)
        if self.audio is not None:
            found[AUDIO_EMBEDDING] = _float_bytes(self.audio)
        return found

    @staticmethod
    def from_record(record: Mapping[str, bytes | int], dimensions: Mapping[str, int]) -> Embeddings:
        """Returns the embeddings of a record.

        Args:
          record: the features.
          dimensions: 'image' and 'audio' to the length of the embeddings, of those that it has.

        Raises:
          ValueError: a feature is missing or has another size.
        """
        image, audio = (
            _floats(record, name, dimensions[modality]) if modality in dimensions else None
            for modality, name in (("image", IMAGE_EMBEDDING), ("audio", AUDIO_EMBEDDING))
        )
        return Embeddings(image, audio, record.get(IMAGE_EMBEDDING_CENTRED) == 1)


def _floats(record: Mapping[str, bytes | int], name: str, count: int) -> NDArray[np.float32]:
    value = record.get(name)
    if not isinstance(value, bytes) or len(value) != 4 * count:
        raise ValueError(f"its {name} is not {count} float32 values")
    values = np.frombuffer(value, "<f4")
    if not np.isfinite(values).all():
        raise ValueError(f"its {name} has values that are not finite")
    return values


def optional_float(record: Mapping[str, bytes | int], name: str) -> float | None:
    """Returns a feature of one float32, such as FACE_TIME, or None if a record has none.

    Raises:
      ValueError: it has another size, or is not finite.
    """
    return float(_floats(record, name, 1)[0]) if name in record else None


def _float_bytes(value: Any) -> bytes:
    return np.asarray(value, "<f4").tobytes()


def encode_record(
    image: NDArray[np.uint8],
    spectrogram: NDArray[np.uint8],
    *,
    identity: str,
    session: str,
    key: str,
    face_source: str,
    audio_source: str,
    window_start_samples: int,
    face: DetectedFace | None = None,
    face_time_seconds: float | None = None,
    speech_share: float | None = None,
    embeddings: Embeddings | None = None,
) -> bytes:
    """Returns one example as a serialized `tf.train.Example`."""
    return serialize_example(
        {
            IMAGE: image.tobytes(),
            SPECTROGRAM: spectrogram.tobytes(),
            IDENTITY: identity.encode(),
            SESSION: session.encode(),
            KEY: key.encode(),
            FACE_SOURCE: face_source.encode(),
            AUDIO_SOURCE: audio_source.encode(),
            WINDOW_START: window_start_samples,
            **(face.features() if face else {}),
            **({} if face_time_seconds is None else {FACE_TIME: _float_bytes(face_time_seconds)}),
            **({} if speech_share is None else {SPEECH_SHARE: _float_bytes(speech_share)}),
            **(embeddings.features() if embeddings else {}),
        }
    )


def describe_record(
    image_shape: tuple[int, ...],
    spectrogram_shape: tuple[int, ...],
    detected_faces: bool = False,
    videos: bool = False,
    detected_speech: bool = False,
    dimensions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Returns a description of a record for the manifest, for readers without this package.

    Args:
      image_shape, spectrogram_shape: shapes of the arrays.
      detected_faces: whether records have FACE_BOX, FACE_POINTS and FACE_SCORE.
      videos: whether records may have FACE_TIME.
      detected_speech: whether records have SPEECH_SHARE.
      dimensions: 'image' and 'audio' to the length of the embeddings, of those that records have.
    """

    def array(shape: tuple[int, ...]) -> dict[str, Any]:
        return {"dtype": "uint8", "shape": list(shape), "encoding": "raw bytes, row-major"}

    def floats(*shape: int, **facts: Any) -> dict[str, Any]:
        encoding = "raw bytes, little-endian, row-major"
        return {"dtype": "float32", "shape": list(shape), "encoding": encoding} | facts

    text = {"dtype": "string", "encoding": "UTF-8"}
    unit = "fractions of the width and height of the upright image"
    face = {
        FACE_BOX: floats(4, columns="left, top, right, bottom", unit=unit),
        FACE_POINTS: floats(len(POINT_NAMES), 2, rows=list(POINT_NAMES), columns="x, y", unit=unit),
        FACE_SCORE: floats(),
    }
    dimensions, embeddings = dimensions or {}, {}
    if "image" in dimensions:
        embeddings[IMAGE_EMBEDDING] = floats(dimensions["image"], norm="L2, 1")
        embeddings[IMAGE_EMBEDDING_CENTRED] = {
            "dtype": "int64",
            "values": "1 if no face was found, and the centre of the image was encoded; else 0",
        }
    if "audio" in dimensions:
        embeddings[AUDIO_EMBEDDING] = floats(dimensions["audio"], norm="L2, 1")
    return {
        "container": "TFRecord of tf.train.Example",
        "features": {
            IMAGE: array(image_shape) | {"channels": "RGB"},
            SPECTROGRAM: array(spectrogram_shape)
            | {
                "rows": "bands, lowest first",
                "columns": "instants, evenly spaced from the window's start to its end",
                "level_db": "floor_db * (1 - value / 255), relative to the window's maximum",
            },
            **dict.fromkeys(TEXTS, text),
            WINDOW_START: {"dtype": "int64", "unit": "samples at features.sample_rate_hz"},
            **(face if detected_faces else {}),
            **({FACE_TIME: floats(unit="seconds", records="of videos")} if videos else {}),
            **({SPEECH_SHARE: floats(unit="share of the window")} if detected_speech else {}),
            **embeddings,
        },
    }
