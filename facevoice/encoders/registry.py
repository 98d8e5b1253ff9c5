"""Registry of the encoders by name.

A name is a key of ENCODERS, that of an installed entry point of the group `facevoice.encoders`, or
`package.module:name` of one's own encoder: a class or function without arguments, which returns an
encoder as in `facevoice.encoders.base`.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from facevoice.encoders.base import AudioEncoder, EncoderError, EncoderInfo, ImageEncoder
from facevoice.encoders.dlib_resnet import DlibResnet
from facevoice.encoders.ge2e import Ge2e
from facevoice.weights import weights_digest
from tfdata.errors import FaceVoiceError
from tfdata.importing import ImportNameError, import_object, is_import_name, one_line, source_digest
from tfdata.text import listed, nearest

__all__ = [
    "ENCODERS",
    "EncoderError",
    "EncoderInfo",
    "audio_encoder",
    "encoder_info",
    "encoder_weights",
    "image_encoder",
    "is_installed",
]

# Classes of encoders, by name.
ENCODERS: dict[str, type[DlibResnet] | type[Ge2e]] = {"dlib_resnet": DlibResnet, "ge2e": Ge2e}

ENTRY_POINTS = "facevoice.encoders"

_loaded = threading.local()  # an encoder may be used by one thread at a time


def encoder_info(name: str) -> EncoderInfo:
    """Returns what identifies an encoder. Weights of registered encoders need not be there.

    Raises:
      EncoderError: there is no such encoder.
    """
    return ENCODERS[name].info if name in ENCODERS else _own_info(name)


def is_installed(name: str) -> bool:
    """Returns whether an encoder is part of FaceVoice or of an installed package.

    Others are imported only if the user names them, not because a file does.
    """
    return name in ENCODERS or _entry_point(name) is not None


@cache
def encoder_source(name: str) -> str | None:
    """Returns the SHA-256 of the source of an encoder; None for those of ENCODERS.

    Raises:
      EncoderError: there is no such encoder, or it has no file of source.
    """
    if name in ENCODERS:
        return None
    try:
        return source_digest(_import_name(name))
    except ImportNameError as error:
        raise EncoderError(f"The encoder {error}") from None


def encoder_weights(name: str) -> str | None:
    """Returns the digest of an encoder's weights, or None unless they are there and whole.

    Raises:
      EncoderError: there is no such encoder.
    """
    if name in ENCODERS:
        return weights_digest(ENCODERS[name].archive)
    info = encoder_info(name)
    return f"{info.version} {info.digest}"


def image_encoder(name: str) -> ImageEncoder:
    """Returns an encoder of faces, loaded once in each thread.

    Raises:
      EncoderError: there is no such encoder, or LiteRT is missing.
      WeightsError: the weights are missing or damaged.
    """
    encoder: ImageEncoder = _load(name, "image")
    return encoder


def audio_encoder(name: str) -> AudioEncoder:
    """Returns an encoder of voices; see `image_encoder`."""
    encoder: AudioEncoder = _load(name, "audio")
    return encoder


def _load(name: str, modality: str) -> Any:
    encoders = vars(_loaded).setdefault("by_name", {})
    if name not in encoders:
        encoders[name] = ENCODERS[name]() if name in ENCODERS else _own_encoder(name)
    if encoders[name].info.modality != modality:
        fitting = [each for each, kind in ENCODERS.items() if kind.info.modality == modality]
        raise EncoderError(
            f"The encoder {name} is of the modality {encoders[name].info.modality!r}, not "
            f"{modality!r}; use {listed(fitting)}, or one of your own."
        )
    return encoders[name]


@cache
def _own_info(name: str) -> EncoderInfo:
    return replace(_own_encoder(name).info, name=name)


def _own_encoder(name: str) -> Any:
    """Returns a new encoder of an entry point or of `package.module:name`."""
    try:
        factory = import_object(_import_name(name))
    except ImportNameError as error:
        raise EncoderError(f"The encoder {error}") from None
    if not callable(factory):
        raise EncoderError(f"The encoder {name} is not a class or a function.")
    try:
        encoder = factory()
    except FaceVoiceError:
        raise
    except Exception as error:  # of the user's code
        raise EncoderError(
            f"{name}() fails ({one_line(error)}); it must return an encoder without arguments."
        ) from error
    if not isinstance(getattr(encoder, "info", None), EncoderInfo):
        raise EncoderError(f"{name} returns {type(encoder).__name__}, which has no `info`.")
    return encoder


def _import_name(name: str) -> str:
    """Returns the `package.module:name` of an encoder that is not in ENCODERS."""
    if entry_point := _entry_point(name):
        return entry_point.value
    if is_import_name(name):
        return name
    known = [*ENCODERS, *entry_points(group=ENTRY_POINTS).names]
    near = nearest(name, known)
    suggestion = f"did you mean {near}?" if near else f"there are {listed(known)}."
    raise EncoderError(
        f"There is no encoder {name!r}; {suggestion} Your own is package.module:name."
    )


def _entry_point(name: str) -> EntryPoint | None:
    """Returns the installed entry point of a name or a `package.module:name`; None without."""
    found = entry_points(group=ENTRY_POINTS)
    return next((each for each in found if name in (each.name, each.value)), None)
