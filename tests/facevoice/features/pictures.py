"""Pictures for the tests of face images."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from facevoice.features import FeatureSettings, MediaError, read_face

# A 64-pixel square file comes back pixel for pixel.
EXACT = FeatureSettings(image_size=64, face_crop=1.0)
DEFAULT = FeatureSettings()
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def encoded(image, kind="PNG", **options):
    """A Pillow image or an array as an open file."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png_header(width, height):
    """A grey PNG that claims a size and holds next to nothing."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def rejection(source, settings=DEFAULT):
    with pytest.raises(MediaError) as caught:
        read_face(source, settings)
    return caught.value
