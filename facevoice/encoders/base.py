"""What an encoder is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facevoice.features import FeatureSettings
from tfdata.errors import FaceVoiceError


class EncoderError(FaceVoiceError):
    """Raised if there is no encoder of a name, or it cannot be used."""


@dataclass(frozen=True)
class EncoderInfo:
    """What identifies an encoder: embeddings of equal infos can be compared.

    Attributes:
      name: name in the registry, or `package.module:name`. The registry sets it for encoders
        of users.
      version: of the package that the weights come from.
      digest: of the weights.
      dimension: length of an embedding.
      modality: 'image' or 'audio'.
    """

    name: str
    version: str
    digest: str
    dimension: int
    modality: str


class ImageEncoder(Protocol):
    """An encoder of faces; it is used by one thread.

    Attributes:
      features: where eyes and mouth are in a face image (`aligned_points`), and its size.
    """

    info: EncoderInfo
    features: FeatureSettings

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the embedding [dimension], of any norm, of a face [size, size, 3]."""


class AudioEncoder(Protocol):
    """An encoder of voices; it is used by one thread."""

    info: EncoderInfo
    sample_rate_hz: int

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the embedding [dimension], of any norm, of mono samples of any length."""
