"""Defines the format of a dataset: file names, splits, and the features of a record.

A dataset is a directory of TFRecord shards and `dataset.json`, the manifest (`tfdata.manifest`).
FORMAT_VERSION is raised when an older reader would misread what this module defines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfdata.tfrecord import serialize_example

FORMAT = "facevoice-dataset"
FORMAT_VERSION = 1
MANIFEST_NAME = "dataset.json"
SPLITS = ("train", "validation", "test")

# Names of a record's features. Arrays are raw bytes, row-major; texts are UTF-8.
IMAGE = "image"  # uint8 [height, width, 3], RGB
SPECTROGRAM = "spectrogram"  # uint8 [bands, frames], row 0 is the lowest band
IDENTITY = "identity"  # the person; the manifest maps it to a label
SESSION = "session"  # video of the clip, and nearly always of the face image (see `face_source`)
KEY = "key"  # unique in the dataset
FACE_SOURCE = "face_source"  # path below the directory of face images
AUDIO_SOURCE = "audio_source"  # path below the directory of clips
WINDOW_START = "window_start_samples"  # int64, at the sample_rate_hz of the feature settings
TEXTS = (IDENTITY, SESSION, KEY, FACE_SOURCE, AUDIO_SOURCE)


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
        }
    )


def describe_record(
    image_shape: tuple[int, ...], spectrogram_shape: tuple[int, ...]
) -> dict[str, Any]:
    """Returns a description of a record for the manifest, for readers without this package."""

    def array(shape: tuple[int, ...]) -> dict[str, Any]:
        return {"dtype": "uint8", "shape": list(shape), "encoding": "raw bytes, row-major"}

    text = {"dtype": "string", "encoding": "UTF-8"}
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
        },
    }
