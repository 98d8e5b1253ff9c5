"""Kernel of simplejpeg, a thin layer over libjpeg-turbo; Pillow resizes."""

from __future__ import annotations

from pathlib import Path

import kernels_common
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from protocol import serve

SIZE_PX = 128


def face(path: str) -> NDArray[np.uint8]:
    image = Image.fromarray(simplejpeg.decode_jpeg(Path(path).read_bytes()))
    box = kernels_common.square_box(*image.size)
    return np.asarray(image.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS, box=box))


serve({"face": kernels_common.of_images(face)})
