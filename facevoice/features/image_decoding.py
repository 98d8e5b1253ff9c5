"""Decodes image files of any kind, damaged ones included, to 8-bit RGB."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facevoice.features.color_profiles import to_srgb
from facevoice.features.reject_reasons import MediaError, Reason, check_regular

# Photo formats with an unambiguous signature. Pillow reads thirty more: some accept any bytes, and
# one runs a PostScript interpreter.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF", "JPEG2000", "PPM")
# Far above any portrait on the web and far below a decompression bomb. The most expensive format
# needs 0.6 GB of memory for it.
MAX_PIXELS = 40_000_000
# A progressive JPEG may have any number of scans, each of which costs 1 ns a pixel.
MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
SCAN_MARKER = b"\xff\xda"  # SOS
LOSSLESS_MARKER = b"\xff\xc3"  # SOF3; in other places it is rare and harmless
UNDECODED_GREY = (127, 128)  # levels of missing rows in libjpeg's output, for CMYK and RGB
PHOTOMETRIC, WHITE_IS_ZERO, BITS_PER_SAMPLE = 262, 0, 258  # TIFF tags and a value


def open_image(
    source: str | os.PathLike[str] | BinaryIO, enough_px: int | None = None
) -> Image.Image:
    """Decodes the first frame as 8-bit RGB with its EXIF orientation applied.

    Args:
      source: path or open file.
      enough_px: pixels needed along the shorter side. A JPEG with at least twice as many is decoded
        at a half, a quarter or an eighth of its size. None decodes at full size.

    Raises:
      MediaError: unreadable or too_large.
    """
    check_regular(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF data, and bombs, which are checked below
            return _to_rgb(_decode_upright(source, enough_px))
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise MediaError(Reason.TOO_LARGE, str(error)) from error
    # Decoders raise OSError, SyntaxError, ValueError, struct.error and more for damaged files.
    except Exception as error:
        raise MediaError(Reason.UNREADABLE, _one_line(error)) from error


def stored_pixels(source: str | os.PathLike[str] | BinaryIO) -> int:
    """Returns the number of pixels of an image that `open_image` can read, from its header."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(source, formats=_formats()) as image:
            return image.width * image.height


def _decode_upright(
    source: str | os.PathLike[str] | BinaryIO, enough_px: int | None
) -> Image.Image:
    """Returns the decoded image without its decoder, which for WebP doubles the memory."""
    with Image.open(source, formats=_formats()) as image:
        _check_size(image)
        _check_levels(image)
        if enough_px is not None and image.format in ("JPEG", "MPO"):
            _use_draft_mode(image, enough_px)
        image.load()
        _check_complete(image, source)
        if image.format == "JPEG":
            ImageOps.exif_transpose(image, in_place=True)
            return image
        return ImageOps.exif_transpose(image)  # a copy, without the decoder


@cache
def _formats() -> tuple[str, ...]:
    """Returns those of FORMATS that the installed Pillow supports."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(image: Image.Image) -> None:
    """Rejects an image with too many pixels or, in a progressive JPEG, too many scans."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise MediaError(Reason.TOO_LARGE, f"{image.width} x {image.height} pixels")
    if image.info.get("progressive"):
        scans = _count_in_file(image, SCAN_MARKER)
        if scans * pixels > MAX_SCANNED_PIXELS:
            raise MediaError(
                Reason.TOO_LARGE, f"{image.width} x {image.height} pixels in {scans} scans"
            )


def _count_in_file(image: Image.Image, marker: bytes) -> int:
    """Returns how often a marker of two bytes occurs in the file."""
    file = image.fp  # type: ignore[attr-defined]
    file.seek(0)
    count, last = 0, b""
    while block := file.read(1 << 20):
        count += (last + block).count(marker)
        last = block[-1:]
    return count


def _use_draft_mode(image: Image.Image, enough_px: int) -> None:
    """Makes the JPEG decoder downscale, by a factor that divides both sides."""
    width, height = image.size
    for factor in (8, 4, 2):
        if width % factor == height % factor == 0 and min(image.size) >= factor * enough_px:
            # libjpeg cannot downscale lossless JPEGs and would write rows of full length.
            if not _count_in_file(image, LOSSLESS_MARKER):
                image.draft(None, (width // factor, height // factor))
            return


def _check_levels(image: Image.Image) -> None:
    """Rejects TIFFs whose grey levels Pillow returns without converting them to brightness."""
    if image.format == "TIFF" and image.mode.startswith("I"):
        tags = image.tag_v2  # type: ignore[attr-defined]
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO or tags.get(BITS_PER_SAMPLE) == (12,):
            raise MediaError(Reason.UNREADABLE, "grey levels of 12 bits, or with white at 0")


def _check_complete(image: Image.Image, source: str | os.PathLike[str] | BinaryIO) -> None:
    """Rejects a JPEG or PNG whose data end early without an error from the decoder.

    libjpeg fills the missing rows with grey. PNG leaves zeros, so the file is decoded again onto
    ones to find out whether the zeros are in it. An image whose top row is like its bottom row has
    a border and passes.
    """
    fill = {"JPEG": UNDECODED_GREY, "MPO": UNDECODED_GREY, "PNG": (0,)}.get(image.format or "", ())
    last = image.height - 1
    if not _is_uniform(image, last, fill) or _is_uniform(image, 0, fill):
        return
    if image.format == "PNG":
        if not isinstance(source, str | os.PathLike):
            source.seek(0)
        with Image.open(source, formats=("PNG",)) as again:
            again.im = Image.new(again.mode, again.size, 1).im
            again.load()
            if _is_uniform(again, last, fill):
                return
    raise MediaError(Reason.UNREADABLE, "the lower part of the picture is missing")


def _is_uniform(image: Image.Image, row: int, levels: tuple[int, ...]) -> bool:
    """Returns whether a row has a single colour whose channels are all in `levels`."""
    if not levels:
        return False
    first = image.getpixel((0, row))
    if not set(first if isinstance(first, tuple) else (first,)) <= set(levels):
        return False  # the usual case, without a copy of the row
    pixels = np.asarray(image.crop((0, row, image.width, row + 1)))
    return bool((pixels == pixels[0, 0]).all())


def _to_rgb(image: Image.Image) -> Image.Image:
    """Converts an image of any mode to 8-bit RGB, and from its colour profile to sRGB."""
    image = to_srgb(image)
    if image.mode.startswith("I"):
        image = _scale_integers(image)
    elif image.mode == "F":
        raise MediaError(Reason.UNREADABLE, "floating-point pixels have no defined white")
    elif image.has_transparency_data:
        # The colours of transparent pixels are arbitrary, so the image is composed onto white.
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, _convert(image, "RGBA"))
    return _convert(image, "RGB")


def _scale_integers(image: Image.Image) -> Image.Image:
    """Scales 16-bit greys to 8 bits; Pillow's `convert` would clip them to white."""
    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() > 65535:
        raise MediaError(Reason.UNREADABLE, "integer pixels of more than 16 bits")
    rounded = levels.astype(np.uint32)
    rounded += 128
    rounded //= 257
    return Image.fromarray(rounded.astype(np.uint8))


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Returns the image in a mode, without a copy if it has that mode."""
    return image if image.mode == mode else image.convert(mode)


def _one_line(error: Exception) -> str:
    """Returns the message of an exception as one line, without the path."""
    if isinstance(error, UnidentifiedImageError):
        return "none of the image formats that are read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [""])[0] or type(error).__name__
