"""Decodes records into examples with arrays, without TensorFlow.

`tfdata.loader` decodes batches of records in TensorFlow's graph, from the same layout of a record
(`tfdata.schema`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard
from tfdata.record_reader import read_shard
from tfdata.schema import (
    AUDIO_SOURCE,
    FACE_SOURCE,
    FACE_TIME,
    IDENTITY,
    IMAGE,
    KEY,
    SESSION,
    SPECTROGRAM,
    SPEECH_SHARE,
    WINDOW_START,
    DetectedFace,
    Embeddings,
    optional_float,
)
from tfdata.text import bytes_text, counted


@dataclass(frozen=True, eq=False)
class Example:
    """A decoded record: a face image, a spectrogram, and their sources.

    Attributes:
      image: uint8 [height, width, 3], RGB.
      spectrogram: uint8 [bands, frames], row 0 is the lowest band.
      identity: the person.
      session: video of the clip.
      key: unique in the dataset.
      face_source: path of the image file below the directory of face images.
      audio_source: path of the clip below the directory of clips.
      window_start_samples: start of the window in the clip, at the dataset's sample_rate_hz.
      face: where the face is in its image file; None without a face detector.
      face_time_seconds: time of the frame, if face and clip are of a video; both sources are then
        its path below the directory of videos.
      speech_share: share of the window that is speech; None without voice activity detection.
      embeddings: of the face and the window, as far as the dataset has them.
    """

    image: NDArray[np.uint8]
    spectrogram: NDArray[np.uint8]
    identity: str
    session: str
    key: str
    face_source: str
    audio_source: str
    window_start_samples: int
    face: DetectedFace | None = field(default=None, kw_only=True)
    face_time_seconds: float | None = field(default=None, kw_only=True)
    speech_share: float | None = field(default=None, kw_only=True)
    embeddings: Embeddings = field(default_factory=Embeddings, kw_only=True)


def decode_example(record: Mapping[str, bytes | int], manifest: Manifest) -> Example:
    """Decodes the features of a record. The arrays are views of the record's bytes.

    Raises:
      ValueError: a feature is missing or does not have the type or size that the manifest says; a
        clause for an error message.
    """
    return Example(
        image=_array(record, IMAGE, manifest.image_shape),
        spectrogram=_array(record, SPECTROGRAM, manifest.spectrogram_shape),
        identity=text_of(record, IDENTITY),
        session=text_of(record, SESSION),
        key=text_of(record, KEY),
        face_source=text_of(record, FACE_SOURCE),
        audio_source=text_of(record, AUDIO_SOURCE),
        window_start_samples=_sample_number(record, WINDOW_START),
        face=DetectedFace.from_record(record),
        face_time_seconds=optional_float(record, FACE_TIME),
        speech_share=optional_float(record, SPEECH_SHARE),
        embeddings=Embeddings.from_record(record, manifest.embedding_dimensions),
    )


def read_examples(data_dir: Path, manifest: Manifest, shards: Iterable[Shard]) -> Iterator[Example]:
    """Reads the examples of some shards of a dataset, in stored order, one at a time.

    Raises:
      DatasetError: a shard is missing or damaged, or has other records than the manifest says.
    """
    for shard in shards:
        number = 0
        for number, record in enumerate(read_shard(data_dir, manifest, shard), 1):
            try:
                example = decode_example(record, manifest)
            except ValueError as error:
                raise _mismatch(data_dir, f"record {number} of {shard.file}", str(error)) from None
            yield example
        if number != shard.records:
            found = f"it has {counted(number, 'record')} instead of {shard.records}"
            raise _mismatch(data_dir, shard.file, found)


def _mismatch(data_dir: Path, name: str, found: str) -> DatasetError:
    return DatasetError(
        f"In {data_dir}, {name} is not what the manifest says ({found}); check the dataset with "
        f"'python -m tfdata.verify {data_dir}'."
    )


def _bytes(record: Mapping[str, bytes | int], name: str) -> bytes:
    value = record.get(name)
    if not isinstance(value, bytes):
        raise ValueError(f"it has no {name}")
    return value


def text_of(record: Mapping[str, bytes | int], name: str) -> str:
    """Returns a text of a record, one of TEXTS; raises ValueError if it has none."""
    return _bytes(record, name).decode()


def _array(
    record: Mapping[str, bytes | int], name: str, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    data = _bytes(record, name)
    if len(data) != math.prod(shape):
        raise ValueError(
            f"its {name} has {bytes_text(len(data))} where the shape {list(shape)} has "
            f"{math.prod(shape)}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _sample_number(record: Mapping[str, bytes | int], name: str) -> int:
    value = record.get(name)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"its {name} is not a number of samples")
    return value
