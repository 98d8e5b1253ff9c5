"""An image file that is decoded and searched once for several crops of its face."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from facevoice.features import face_detection
from facevoice.features.blazeface import Detections
from facevoice.features.image_decoding import open_image, stored_pixels

# Pixels along the shorter side with which a face is searched, except for small faces.
SEARCH_PX = 512


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """An image, the faces in its pixels, and whether it was decoded at a reduced size."""

    image: Image.Image
    faces: Detections
    is_reduced: bool


class SharedImage:
    """An image file whose decoded images and faces are kept as long as this object.

    The results are those of `open_image` and the face detector without it.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        self.source = source
        self._decoded: dict[float, Image.Image] = {}  # by `enough_px`
        self._found: dict[bool, FoundFaces] = {}

    def decode(self, enough_px: int | None = None) -> Image.Image:
        """Returns the decoded image; see `open_image`. It is not to be changed."""
        enough = math.inf if enough_px is None else enough_px
        if enough not in self._decoded:
            # With a larger `enough_px`, an image at full size is not reduced either.
            smaller = (px for px in self._decoded if px < enough and self._is_full(px))
            known = next(smaller, None)
            self._decoded[enough] = (
                open_image(self.source, enough_px) if known is None else self._decoded[known]
            )
        return self._decoded[enough]

    def find_faces(self, thorough: bool) -> FoundFaces:
        """Returns the faces, small ones only where there are no others; see `detect_faces`.

        A large JPEG is decoded at a reduced size, unless no face is found in that.

        Raises:
          MediaError: as `open_image`.
          DetectorError, WeightsError: the face detector cannot run.
        """
        if thorough not in self._found:
            enough_px: int | None = SEARCH_PX
            faces = face_detection.detect_faces(self.decode(enough_px), thorough)
            if not len(faces):
                enough_px = None
                faces = face_detection.detect_small_faces(self.decode())
            image = self.decode(enough_px)
            is_reduced = not self._is_full(math.inf if enough_px is None else enough_px)
            self._found[thorough] = FoundFaces(image, faces, is_reduced)
        return self._found[thorough]

    def _is_full(self, enough: float) -> bool:
        """Returns whether a decoded image has the size of the file."""
        image = self._decoded[enough]
        return min(image.size) < enough or math.prod(image.size) >= stored_pixels(self.source)


ImageSource = str | os.PathLike[str] | BinaryIO | SharedImage


def as_shared(source: ImageSource) -> SharedImage:
    return source if isinstance(source, SharedImage) else SharedImage(source)
