"""Finds originals in a corpus, and draws what the face detector found on images and frames."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facevoice.features import MediaError, Reason
from facevoice.features.image_decoding import open_image
from facevoice.features.video_frames import sample_frames
from facevoice.inspection.examples import NotFoundError
from tfdata.examples import Example
from tfdata.schema import DetectedFace

SHOWN, HIDDEN = "#ffd166", "#14191d"  # lines, and what is around them on pictures of any colour
# After the time of a frame, which records round to float32: the frame is still shown then.
WITHIN_FRAME_SECONDS = 0.004
JPEG_QUALITY = 85


def original_file(flag: str, folder: Path, source: str) -> Path:
    """Returns the path of an original; records, which may come from others, name no other files.

    Args:
      flag: that names the directory, for messages.
      folder: directory of the corpus.
      source: of a record.

    Raises:
      NotFoundError: it does not exist, or is not below the directory.
    """
    file, parts = folder / source, PurePosixPath(source).parts
    if source.startswith("/") or ".." in parts:
        raise NotFoundError(f"{flag}: the dataset names {source}, which is not below {folder}.")
    if not file.is_file():
        raise NotFoundError(
            f"{file} does not exist; {flag} must be the directory that the dataset was built from."
        )
    return file


def read_original(
    source: str | os.PathLike[str] | BinaryIO, example: Example, enough_px: int | None = None
) -> Image.Image:
    """Returns the upright picture that the face image of an example was cropped from.

    Args:
      source: path or open file of the example's `face_source`.
      example: the example.
      enough_px: pixels needed along the shorter side of an image file; None decodes it in full.

    Raises:
      MediaError: the file cannot be read, or has no such frame.
      VideoSupportError: PyAV is missing.
    """
    start_seconds = example.face_time_seconds
    if start_seconds is None:
        return open_image(source, enough_px)
    edges = np.array([start_seconds, start_seconds + WITHIN_FRAME_SECONDS])
    (frame,) = sample_frames(source, edges)
    if frame is None:
        raise MediaError(Reason.NO_VIDEO, f"no picture at {start_seconds:.3f} s")
    return frame.image


def mark_face(picture: Image.Image, face: DetectedFace, longer_px: int) -> Image.Image:
    """Returns a picture with the box, the points and the score of its face.

    Args:
      picture: RGB.
      face: where the face is.
      longer_px: a larger picture is reduced to this longer side.
    """
    marked = picture.copy()
    marked.thumbnail((longer_px, longer_px), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(marked)
    thin = max(1, math.ceil(max(marked.size) / 240))
    left, top, right, bottom = (face.box.reshape(2, 2) * marked.size).round().ravel().tolist()
    for colour, around in ((HIDDEN, thin), (SHOWN, 0)):
        box = (left - around, top - around, right + around, bottom + around)
        draw.rectangle(box, outline=colour, width=thin + 2 * around)
        for x, y in (face.points * marked.size).tolist():
            radius = 1.5 * thin + around
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    _write_score(draw, f"{face.score:.2f}", (left, top, bottom), marked.size, 10 * thin)
    return marked


def jpeg(picture: Image.Image) -> bytes:
    """Encodes a picture as JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _write_score(
    draw: ImageDraw.ImageDraw,
    score: str,
    box: tuple[float, float, float],
    size: tuple[int, int],
    font_px: int,
) -> None:
    """Writes the score above a box, or below it where there is no room above."""
    left, top, bottom = box
    font = ImageFont.load_default(font_px)
    width, height = draw.textbbox((0, 0), score, font=font)[2:]
    margin = font_px / 5
    width, height = width + 2 * margin, height + 2 * margin
    x = min(max(left - margin, 0), size[0] - width)
    y = top - height if top >= height else min(bottom + 1, size[1] - height)
    draw.rectangle((x, y, x + width, y + height - 1), fill=HIDDEN)
    draw.text((x + margin, y + margin), score, fill=SHOWN, font=font)
