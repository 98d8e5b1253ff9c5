"""Encodes face images and spectrograms as PNG, without Matplotlib."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# From dark to light in even steps of CIE lightness (2 to 97), from violet over red to yellow:
# louder is always lighter, also in greyscale and for colour-blind readers.
_COLOURS = "050713 19204a 443076 893787 c84482 f16771 fa9c72 f9cd97 fff7d8"
# Larger images are reduced, to keep pages small.
_MAX_FACE_PIXELS, _MAX_SPECTROGRAM_PIXELS = 160, 256


def face_png(image: NDArray[np.uint8]) -> bytes:
    """Encodes a face image, uint8 [height, width, 3]."""
    thumbnail = Image.fromarray(image)
    thumbnail.thumbnail((_MAX_FACE_PIXELS, _MAX_FACE_PIXELS), Image.Resampling.LANCZOS)
    return _png(thumbnail)


def spectrogram_png(spectrogram: NDArray[np.uint8]) -> bytes:
    """Encodes a spectrogram, uint8 [bands, frames], with row 0, the lowest band, at the bottom."""
    image = Image.fromarray(np.ascontiguousarray(spectrogram[::-1]))
    limit = _MAX_SPECTROGRAM_PIXELS
    size = (min(image.width, limit), min(image.height, limit))
    image = image.resize(size, Image.Resampling.BOX)
    image.putpalette(colour_map().tobytes())
    return _png(image)


def colour_map() -> NDArray[np.uint8]:
    """Returns the colour of each of the 256 levels, uint8 [256, 3]."""
    knots = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS.split()])
    positions = np.linspace(0, len(knots) - 1, 256)
    channels = [np.interp(positions, np.arange(len(knots)), channel) for channel in knots.T]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()
