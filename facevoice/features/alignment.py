"""Crops a face so that its eyes and mouth lie at fixed places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pictures with more pixels for each pixel of the crop, along each side, are first reduced by the
# exact mean of blocks, so that 2 to 4 remain.
MAX_OVERSAMPLING = 4
# With that many, bilinear interpolation is as accurate as bicubic and takes half the time.
BILINEAR_OVERSAMPLING = 2
MARGIN_PX = 3  # pixels around a crop that its interpolation reads
Points = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Similarity:
    """Scales, rotates and shifts points without reflection: z becomes factor * z + offset.

    Points are complex numbers x + iy.
    """

    factor: complex
    offset: complex

    @property
    def scale(self) -> float:
        return abs(self.factor)

    def __call__(self, points: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self.factor * points + self.offset

    def inverse(self) -> Similarity:
        return Similarity(1 / self.factor, -self.offset / self.factor)


def fit_similarity(points: Points, places: Points) -> Similarity:
    """Returns the similarity that maps points to places with the least squared distances.

    It is the closed form of Umeyama (1991, "Least-squares estimation of transformation parameters
    between two point patterns"), which in two dimensions and without reflections is a linear
    regression of complex numbers.

    Args:
      points, places: [points, 2], x and y.

    Raises:
      ValueError: the points or the places are all the same.
    """
    z, w = (values.astype(np.float64) @ [1, 1j] for values in (points, places))
    centred_z, centred_w = z - z.mean(), w - w.mean()
    product = complex(np.vdot(centred_z, centred_w))
    spread = float(np.vdot(centred_z, centred_z).real)
    if product == 0 or spread == 0:
        raise ValueError("all points are the same")
    factor = product / spread
    return Similarity(factor, complex(w.mean()) - factor * complex(z.mean()))


def crop_places(places: Points, face_crop: float, size: int) -> NDArray[np.float64]:
    """Returns places in a crop, in its pixels.

    Args:
      places: [points, 2] in fractions of the side of a crop of `face_crop` 1.
      face_crop: side of the crop as a fraction of that one; both have the same centre.
      size: height and width of the crop, in pixels.
    """
    return ((np.asarray(places, np.float64) - 0.5) / face_crop + 0.5) * size


def resample(image: Image.Image, to_crop: Similarity, size: int) -> Image.Image:
    """Returns a square crop of a picture by a similarity, antialiased and without distortion.

    The picture is turned at its own resolution and resized to the crop (Lanczos). Pixels outside of
    the picture are those of its nearest edge.

    Args:
      image: RGB picture.
      to_crop: maps pixels of the picture to pixels of the crop.
      size: height and width of the crop.
    """
    to_picture = to_crop.inverse()
    pixels = to_picture.scale  # of the picture, for each pixel of the crop
    block = math.floor(pixels / (MAX_OVERSAMPLING / 2)) if pixels > MAX_OVERSAMPLING else 1
    corners = to_picture(np.array([0, size, 1j * size, size + 1j * size]))
    left, top = (
        math.floor(part.min()) - MARGIN_PX * block for part in (corners.real, corners.imag)
    )
    right, bottom = (
        math.ceil(part.max()) + MARGIN_PX * block for part in (corners.real, corners.imag)
    )
    part = _extended(image, left, top, right, bottom).reduce(block)
    turned_px = max(size, math.ceil(pixels / block * size))
    factor = to_picture.factor * size / turned_px / block
    offset = (to_picture.offset - complex(left, top)) / block
    bilinear = pixels >= BILINEAR_OVERSAMPLING
    turned = part.transform(
        (turned_px, turned_px),
        Image.Transform.AFFINE,
        (factor.real, -factor.imag, offset.real, factor.imag, factor.real, offset.imag),
        Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC,
    )
    return turned.resize((size, size), Image.Resampling.LANCZOS)


def _extended(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """Returns a part of a picture; what is outside of the picture repeats its nearest edge."""
    x = np.clip(np.arange(left, right), 0, image.width - 1)
    y = np.clip(np.arange(top, bottom), 0, image.height - 1)
    inside = image.crop((int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1))
    if inside.size == (right - left, bottom - top):
        return inside
    return Image.fromarray(np.asarray(inside)[np.ix_(y - y[0], x - x[0])])
