"""Arrays as PNG bytes, pixel for pixel, without Matplotlib."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# From dark to light in even steps of CIE lightness (2 to 97), violet over red to yellow: louder is
# always lighter, also in grey and to the colour-blind.
_COLOURS = "050713 19204a 443076 893787 c84482 f16771 fa9c72 f9cd97 fff7d8"
# More pixels than this, a side, are not seen in a grid and would make the page heavy.
_MOST_FACE_PIXELS, _MOST_LEVELS = 160, 256


def face_png(image: NDArray[np.uint8]) -> bytes:
    """A face, uint8 [height, width, 3]."""
    picture = Image.fromarray(image)
    picture.thumbnail((_MOST_FACE_PIXELS, _MOST_FACE_PIXELS), Image.Resampling.LANCZOS)
    return _png(picture)


def spectrogram_png(levels: NDArray[np.uint8]) -> bytes:
    """A spectrogram, uint8 [bands, frames] with the lowest band first, which is drawn lowest."""
    picture = Image.fromarray(np.ascontiguousarray(levels[::-1]))
    size = (min(picture.width, _MOST_LEVELS), min(picture.height, _MOST_LEVELS))
    picture = picture.resize(size, Image.Resampling.BOX)
    picture.putpalette(colour_map().tobytes())
    return _png(picture)


def colour_map() -> NDArray[np.uint8]:
    """The colour of each of the 256 levels, uint8 [256, 3]."""
    knots = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS.split()])
    places = np.linspace(0, len(knots) - 1, 256)
    channels = [np.interp(places, np.arange(len(knots)), channel) for channel in knots.T]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return out.getvalue()
