"""pyvips, with the streaming access that libvips' documentation recommends for such chains."""

from __future__ import annotations

import numpy as np
import one_thread  # before libvips
from contest import serve  # isort: split

import pyvips
from numpy.typing import NDArray

SIZE_PX = 128
pyvips.cache_set_max(0)  # it would hand out what it has made before


def face(path: str) -> NDArray[np.uint8]:
    image = pyvips.Image.new_from_file(path, access="sequential")
    left, top, right, _ = one_thread.square_box(image.width, image.height)
    side = round(right - left)
    square = image.crop(round(left), round(top), side, side)
    return square.resize(SIZE_PX / side, kernel="lanczos3").numpy()


serve({"face": one_thread.of_images(face)})
