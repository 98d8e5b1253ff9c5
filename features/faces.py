"""One image file to one square uint8 face."""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from features.media import MediaError, Reason
from features.settings import FeatureSettings

# Far above any camera's portrait after scaling, far below what a decompression bomb unpacks to.
MAX_PIXELS = 40_000_000
MIN_CROP_PX = 16


def read_face(
    source: str | os.PathLike[str] | BinaryIO, settings: FeatureSettings
) -> NDArray[np.uint8]:
    """Reads, turns upright, crops and resizes one face.

    The crop is the centred square whose side is `settings.face_crop` times the image's shorter
    side; it is cut and resized in one antialiased (Lanczos) step, so nothing is distorted and no
    edge is rounded to whole pixels first.

    Returns:
      uint8 [image_size, image_size, 3], RGB.

    Raises:
      MediaError: unreadable, too_large, too_small or blank.
    """
    image = _open_upright(source)
    width, height = image.size
    side = min(width, height) * settings.face_crop
    if side < MIN_CROP_PX:
        raise MediaError(
            Reason.TOO_SMALL, f"{width} x {height} pixels leave a crop of {side:.0f} pixels"
        )
    left, top = (width - side) / 2, (height - side) / 2
    size = (settings.image_size, settings.image_size)
    box = (left, top, left + side, top + side)
    face = np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=box))
    if (face == face[0, 0]).all():
        raise MediaError(Reason.BLANK, f"every pixel is {tuple(int(v) for v in face[0, 0])}")
    return face


def _open_upright(source: str | os.PathLike[str] | BinaryIO) -> Image.Image:
    """Decodes the first frame as 8-bit RGB with its EXIF orientation applied."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # checked below
            with Image.open(source) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise MediaError(Reason.TOO_LARGE, f"{image.width} x {image.height} pixels")
                ImageOps.exif_transpose(image, in_place=True)
                return _to_rgb(image)
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise MediaError(Reason.TOO_LARGE, str(error)) from error
    # Decoders fed damaged bytes raise OSError, SyntaxError, ValueError, struct.error and more.
    except Exception as error:
        raise MediaError(Reason.UNREADABLE, _clause(error)) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to 8-bit RGB. Pillow's own `convert` clips 16-bit greys to white: scale them."""
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise MediaError(Reason.UNREADABLE, "integer pixels of more than 16 bits")
        image = Image.fromarray(np.rint(levels / 257.0).astype(np.uint8))
    elif image.mode == "F":
        raise MediaError(Reason.UNREADABLE, "floating-point pixels have no defined white")
    elif image.has_transparency_data:
        # Colours under transparent pixels are arbitrary; show what a viewer on white shows.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _clause(error: Exception) -> str:
    """An exception as one short line, without the path that some messages carry."""
    if isinstance(error, UnidentifiedImageError):
        return "no image format that Pillow knows"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [""])[0] or type(error).__name__
