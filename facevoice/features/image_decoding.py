"""One image file to 8-bit RGB pixels: what cameras, the web and broken disks hand in."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facevoice.features.reject_reasons import MediaError, Reason, check_regular

# Formats with an unmistakable beginning, that photographs are kept in. Pillow knows thirty more:
# some take any bytes for a picture, and one runs a PostScript interpreter.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF", "JPEG2000", "PPM")
# Far above any portrait that was made small for the web, far below what a decompression bomb
# unpacks to; the dearest format takes 0.6 GB for it.
MAX_PIXELS = 40_000_000
# A progressive JPEG may go over its pixels any number of times, at 1 ns a pixel.
MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
LOSSLESS = b"\xff\xc3"  # begins such a JPEG's frame, SOF3; elsewhere it is rare and does no harm
UNDECODED_GREY = (127, 128)  # what libjpeg shows where the file has nothing, ink or light
PHOTOMETRIC, WHITE_IS_ZERO, BITS_PER_SAMPLE = 262, 0, 258  # TIFF's tags


def open_picture(
    source: str | os.PathLike[str] | BinaryIO, enough_px: int | None = None
) -> Image.Image:
    """Decodes the first frame as 8-bit RGB with its EXIF orientation applied.

    Args:
      source: a path, or a file.
      enough_px: along the shorter side; of a JPEG that has twice as many or more, a half, a
        quarter or an eighth of the pixels along either side is decoded. None decodes all.

    Raises:
      MediaError: unreadable or too_large.
    """
    check_regular(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF data and of bombs, checked below
            return _to_rgb(_decode_upright(source, enough_px))
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise MediaError(Reason.TOO_LARGE, str(error)) from error
    # Decoders fed damaged bytes raise OSError, SyntaxError, ValueError, struct.error and more.
    except Exception as error:
        raise MediaError(Reason.UNREADABLE, _clause(error)) from error


def _decode_upright(
    source: str | os.PathLike[str] | BinaryIO, enough_px: int | None
) -> Image.Image:
    """Returns an image without its decoder: a JPEG's has gone, WebP's takes twice as much."""
    with Image.open(source, formats=_formats()) as image:
        _check_size(image)
        _check_levels(image)
        if enough_px is not None and image.format in ("JPEG", "MPO"):
            _decode_less(image, enough_px)
        image.load()
        _check_whole(image, source)
        if image.format == "JPEG":
            ImageOps.exif_transpose(image, in_place=True)
            return image
        return ImageOps.exif_transpose(image)  # a plain copy


@cache
def _formats() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(image: Image.Image) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise MediaError(Reason.TOO_LARGE, f"{image.width} x {image.height} pixels")
    if image.info.get("progressive"):
        scans = _count_in_file(image, b"\xff\xda")
        if scans * pixels > MAX_SCANNED_PIXELS:
            raise MediaError(
                Reason.TOO_LARGE, f"{image.width} x {image.height} pixels in {scans} scans"
            )


def _count_in_file(image: Image.Image, mark: bytes) -> int:
    """How often two bytes stand beside each other."""
    file = image.fp  # type: ignore[attr-defined]
    file.seek(0)
    found, last = 0, b""
    while piece := file.read(1 << 20):
        found += (last + piece).count(mark)
        last = piece[-1:]
    return found


def _decode_less(image: Image.Image, enough_px: int) -> None:
    """Lets a JPEG's decoder scale down, by a factor that leaves no part of a pixel over."""
    width, height = image.size
    for factor in (8, 4, 2):
        if width % factor == height % factor == 0 and min(image.size) >= factor * enough_px:
            # libjpeg cannot scale a lossless one, and writes whole rows where parts are expected.
            if not _count_in_file(image, LOSSLESS):
                image.draft(None, (width // factor, height // factor))
            return


def _check_levels(image: Image.Image) -> None:
    """Refuses the TIFFs whose grey levels Pillow hands over as they are, and not as light."""
    if image.format == "TIFF" and image.mode.startswith("I"):
        tags = image.tag_v2  # type: ignore[attr-defined]
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO or tags.get(BITS_PER_SAMPLE) == (12,):
            raise MediaError(Reason.UNREADABLE, "grey levels of 12 bits, or with white at 0")


def _check_whole(image: Image.Image, source: str | os.PathLike[str] | BinaryIO) -> None:
    """Refuses a JPEG or PNG that ends early but properly: decoders leave the rest, and are silent.

    libjpeg leaves it grey; PNG's zeros are decoded again, onto ones, to see if they stay zeros.
    A picture whose top is like its bottom was framed so.
    """
    left = {"JPEG": UNDECODED_GREY, "MPO": UNDECODED_GREY, "PNG": (0,)}.get(image.format or "", ())
    last = image.height - 1
    if not _is_all(image, last, left) or _is_all(image, 0, left):
        return
    if image.format == "PNG":
        if not isinstance(source, str | os.PathLike):
            source.seek(0)
        with Image.open(source, formats=("PNG",)) as again:
            again.im = Image.new(again.mode, again.size, 1).im
            again.load()
            if _is_all(again, last, left):
                return
    raise MediaError(Reason.UNREADABLE, "the lower part of the picture is missing")


def _is_all(image: Image.Image, row: int, levels: tuple[int, ...]) -> bool:
    """Whether a row is of one colour, made of these levels."""
    if not levels:
        return False
    first = image.getpixel((0, row))
    if not set(first if isinstance(first, tuple) else (first,)) <= set(levels):
        return False  # as nearly always
    pixels = np.asarray(image.crop((0, row, image.width, row + 1)))
    return bool((pixels == pixels[0, 0]).all())


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to 8-bit RGB. Pillow's own `convert` clips 16-bit greys to white: scale them."""
    if image.mode.startswith("I"):
        image = _scale_integers(image)
    elif image.mode == "F":
        raise MediaError(Reason.UNREADABLE, "floating-point pixels have no defined white")
    elif image.has_transparency_data:
        # Colours under transparent pixels are arbitrary; show what a viewer on white shows.
        shown = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(shown, _in_mode(image, "RGBA"))
    return _in_mode(image, "RGB")


def _scale_integers(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() > 65535:
        raise MediaError(Reason.UNREADABLE, "integer pixels of more than 16 bits")
    rounded = levels.astype(np.uint32)
    rounded += 128
    rounded //= 257
    return Image.fromarray(rounded.astype(np.uint8))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """`image.convert` without the copy of what is in that mode already."""
    return image if image.mode == mode else image.convert(mode)


def _clause(error: Exception) -> str:
    """An exception as one short line, without the path that some messages carry."""
    if isinstance(error, UnidentifiedImageError):
        return "none of the image formats that are read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [""])[0] or type(error).__name__
