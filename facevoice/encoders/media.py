"""Turns media files into embeddings: float32, L2-normalised."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray


def embed_face_file(path: str | os.PathLike[str], encoder_name: str) -> NDArray[np.float32]:
    """Returns the embedding [dimension] of the largest face of an image file.

    Args:
      path: path of the image.
      encoder_name: an encoder of images.

    Raises:
      MediaError: unreadable, too_large, too_small, blank or no_face.
      EncoderError: there is no such encoder.
      WeightsError: the weights are missing or damaged.
    """
    raise NotImplementedError


def embed_clip_file(path: str | os.PathLike[str], encoder_name: str) -> NDArray[np.float32]:
    """Returns the embeddings [windows, dimension] of an audio file, of one window after the other.

    Args:
      path: path of the clip.
      encoder_name: an encoder of audio.

    Raises:
      MediaError: unreadable, sample_rate, too_short, not_finite or silent.
      EncoderError: there is no such encoder.
      WeightsError: the weights are missing or damaged.
    """
    raise NotImplementedError
