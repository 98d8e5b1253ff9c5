"""simplejpeg, a thin layer over libjpeg-turbo, decodes; Pillow resizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import one_thread
import simplejpeg
from contest import serve
from numpy.typing import NDArray
from PIL import Image

SIZE_PX = 128


def face(path: str) -> NDArray[np.uint8]:
    image = Image.fromarray(simplejpeg.decode_jpeg(Path(path).read_bytes()))
    box = one_thread.square_box(*image.size)
    return np.asarray(image.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS, box=box))


serve({"face": one_thread.of_images(face)})
