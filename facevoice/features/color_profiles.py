"""Converts images with an embedded ICC profile, such as Display P3 or Adobe RGB, to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# A profile of a camera or screen has some KB, one of a printer less than 3 MB.
MAX_PROFILE_BYTES = 4 << 20
# Colour spaces of ICC profiles, and the modes of images that they describe.
MODES = {"RGB ": ("RGB", "RGBA"), "GRAY": ("L",), "CMYK": ("CMYK",)}
# A profile whose conversion changes no level by more is taken for sRGB, of which there are many.
SAME_LEVELS = 1


def to_srgb(image: Image.Image) -> Image.Image:
    """Returns an image in sRGB; without a profile, or with that of sRGB, the image itself.

    A profile that is damaged or describes another kind of image is ignored, as browsers do. So are
    profiles of images with 16 bits per channel.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE_BYTES:
        return image
    if image.mode in ("L", "RGB", "P", "PA") and image.has_transparency_data:
        # Perhaps by a transparent colour, which the conversion would lose.
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    elif image.mode == "P":
        image = image.convert("RGB")
    if image.mode == "LA":
        transform = _transform(profile, "L")
        if transform is None:
            return image
        grey, alpha = image.split()
        converted = ImageCms.applyTransform(grey, transform)
        if converted is not None:
            converted.putalpha(alpha)
    else:
        transform = _transform(profile, image.mode)
        converted = None if transform is None else ImageCms.applyTransform(image, transform)
    return image if converted is None else converted


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the conversion of a profile to sRGB; None if there is none or it changes nothing."""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        if mode not in MODES.get(source.profile.xcolor_space, ()):
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGBA" if mode == "RGBA" else "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        return None if _changes_nothing(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError):
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Returns whether a conversion keeps the levels of 4,096 colours, or of all greys."""
    if mode == "CMYK":
        return False
    levels = np.arange(0, 256, 17, np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3)
    probe = Image.fromarray(colours)
    if mode == "L":
        probe = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    converted = ImageCms.applyTransform(probe.convert(mode), transform)
    if converted is None:
        return False
    before, after = (np.asarray(each.convert("RGB")).astype(int) for each in (probe, converted))
    return bool(abs(after - before).max() <= SAME_LEVELS)
