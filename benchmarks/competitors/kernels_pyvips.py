"""Kernel of pyvips, with sequential access as libvips' documentation recommends."""

from __future__ import annotations

import kernels_common  # before libvips
import numpy as np
from protocol import serve  # isort: split

import pyvips
from numpy.typing import NDArray

SIZE_PX = 128
pyvips.cache_set_max(0)  # the cache would return earlier results


def face(path: str) -> NDArray[np.uint8]:
    image = pyvips.Image.new_from_file(path, access="sequential")
    left, top, right, _ = kernels_common.square_box(image.width, image.height)
    side = round(right - left)
    square = image.crop(round(left), round(top), side, side)
    return square.resize(SIZE_PX / side, kernel="lanczos3").numpy()


serve({"face": kernels_common.of_images(face)})
