"""One image file to one square uint8 face."""

from __future__ import annotations

import math
import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevoice.features.image_decoding import open_picture
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FeatureSettings

MIN_CROP_PX = 16
# Pixels that are decoded of a large JPEG, at least, for each one of the face, along either side.
# With three, levels differ from those of all pixels by 0.25 of 255 on average; with two, by 0.33.
DECODED_PX = 3
# Standard deviation of the luminance, of 255. One colour with a camera's or a JPEG's noise, or
# with a speck on it, stays below 3; the flattest of 1,000 real and drawn faces has 17.
MIN_CONTRAST = 3.0
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB, by ITU-R BT.601
LOOKED_AT = 8  # one pixel in so many rows and columns, before all are
# Of a level v: 1, v and v squared.
POWERS = np.arange(256) ** np.arange(3)[:, None]


def read_face(
    source: str | os.PathLike[str] | BinaryIO, settings: FeatureSettings
) -> NDArray[np.uint8]:
    """Reads, turns upright, crops and resizes one face.

    The crop is the centred square whose side is `settings.face_crop` times the image's shorter
    side; it is cut and resized in one antialiased (Lanczos) step, so nothing is distorted and no
    edge is rounded to whole pixels first. Of a large JPEG no more is decoded than that needs.

    Returns:
      uint8 [image_size, image_size, 3], RGB.

    Raises:
      MediaError: unreadable, too_large, too_small or blank.
    """
    enough_px = math.ceil(DECODED_PX * settings.image_size / settings.face_crop)
    image = open_picture(source, enough_px)
    width, height = image.size
    side = min(width, height) * settings.face_crop
    if side < MIN_CROP_PX:
        raise MediaError(
            Reason.TOO_SMALL, f"{width} x {height} pixels leave a crop of {side:.0f} pixels"
        )
    left, top = (width - side) / 2, (height - side) / 2
    size = (settings.image_size, settings.image_size)
    box = (left, top, left + side, top + side)
    face = image.resize(size, Image.Resampling.LANCZOS, box=box)
    pixels = np.asarray(face)
    if not _surely_contrasts(pixels):
        mean, contrast = _luminance(face)
        if contrast < MIN_CONTRAST:
            raise MediaError(
                Reason.BLANK, f"luminance is {mean:.0f} of 255, give or take {contrast:.1f}"
            )
    return pixels


def _surely_contrasts(pixels: NDArray[np.uint8]) -> bool:
    """Whether a few pixels show that all have MIN_CONTRAST, at a third of the cost of looking.

    One pixel in n x n is a share of 1 / n**2 of all, or more, so the variance of all is at least
    that share of theirs, and the deviation 1 / n. Half a level more is for rounding.
    """
    some = (pixels[::LOOKED_AT, ::LOOKED_AT] @ LUMINANCE).ravel()
    mean = some.mean()
    return bool(some @ some / len(some) - mean**2 > (LOOKED_AT * (MIN_CONTRAST + 0.5)) ** 2)


def _luminance(face: Image.Image) -> tuple[float, float]:
    """Mean and standard deviation, of 255; from a histogram, as levels are fewer than pixels."""
    pixels, total, squares = (POWERS @ face.convert("L").histogram()).tolist()
    return total / pixels, math.sqrt(pixels * squares - total**2) / pixels
