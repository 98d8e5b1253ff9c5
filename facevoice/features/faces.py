"""Turns one image file into one square uint8 face image."""

from __future__ import annotations

import math
import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevoice.features.image_decoding import open_image
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FeatureSettings

MIN_CROP_PX = 16
# A large JPEG is decoded at a reduced size, with at least this many pixels for each pixel of the
# face image, along each side. With 3, levels differ from a full decode by 0.25 of 255 on average;
# with 2, by 0.33.
DECODE_OVERSAMPLING = 3
# Standard deviation of the luminance, of 255. An image of one colour with camera noise, JPEG
# artefacts or a speck stays below 3; the lowest contrast of 1,000 real and drawn faces is 17.
MIN_CONTRAST = 3.0
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB, by ITU-R BT.601
SAMPLE_STEP = 8  # rows and columns between the pixels of the quick contrast check
# 1, v and v squared for each level v.
POWERS = np.arange(256) ** np.arange(3)[:, None]


def read_face(
    source: str | os.PathLike[str] | BinaryIO, settings: FeatureSettings
) -> NDArray[np.uint8]:
    """Reads one face image: decodes, rotates upright, crops and resizes it.

    The crop is the centred square whose side is `settings.face_crop` times the shorter side of the
    image. It is cropped and resized in one antialiased (Lanczos) step, so the aspect ratio is kept
    and the crop is not rounded to whole pixels. Large JPEGs are decoded at a reduced size.

    Args:
      source: path or open file.
      settings: size and crop.

    Returns:
      uint8 [image_size, image_size, 3], RGB.

    Raises:
      MediaError: unreadable, too_large, too_small or blank.
    """
    enough_px = math.ceil(DECODE_OVERSAMPLING * settings.image_size / settings.face_crop)
    image = open_image(source, enough_px)
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
    if not _has_contrast(pixels):
        mean, contrast = _luminance_statistics(face)
        if contrast < MIN_CONTRAST:
            raise MediaError(
                Reason.BLANK, f"luminance is {mean:.0f} of 255, give or take {contrast:.1f}"
            )
    return pixels


def _has_contrast(pixels: NDArray[np.uint8]) -> bool:
    """Returns True if a sample of the pixels proves MIN_CONTRAST, at a third of the cost.

    One pixel in n x n is at least 1 / n**2 of all pixels, so the variance of all is at least that
    share of the variance of the sample, and the deviation at least 1 / n of its deviation. Half a
    level is added for rounding.
    """
    sample = (pixels[::SAMPLE_STEP, ::SAMPLE_STEP] @ LUMINANCE).ravel()
    mean = sample.mean()
    variance = sample @ sample / len(sample) - mean**2
    return bool(variance > (SAMPLE_STEP * (MIN_CONTRAST + 0.5)) ** 2)


def _luminance_statistics(face: Image.Image) -> tuple[float, float]:
    """Returns mean and standard deviation of the luminance, of 255, from its histogram."""
    pixels, total, squares = (POWERS @ face.convert("L").histogram()).tolist()
    return total / pixels, math.sqrt(pixels * squares - total**2) / pixels
