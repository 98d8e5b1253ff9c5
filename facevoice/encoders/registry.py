"""Registry of the encoders by name."""

from __future__ import annotations

import importlib
import threading
from typing import Any

from facevoice.encoders.base import AudioEncoder, EncoderError, EncoderInfo, ImageEncoder
from facevoice.encoders.dlib_resnet import DlibResnet
from facevoice.encoders.ge2e import Ge2e
from facevoice.weights import weights_digest
from tfdata.errors import FaceVoiceError
from tfdata.text import listed, nearest

__all__ = [
    "ENCODERS",
    "EncoderError",
    "EncoderInfo",
    "audio_encoder",
    "encoder_info",
    "encoder_weights",
    "image_encoder",
]

# Classes of encoders, by name.
ENCODERS: dict[str, type[DlibResnet] | type[Ge2e]] = {"dlib_resnet": DlibResnet, "ge2e": Ge2e}

_loaded = threading.local()  # an encoder may be used by one thread at a time


def encoder_info(name: str) -> EncoderInfo:
    """Returns what identifies an encoder. Weights of registered encoders need not be there.

    Args:
      name: a key of ENCODERS, or `package.module:name` of one's own encoder: a class or function
        without arguments, which returns an encoder as in `facevoice.encoders.base`.

    Raises:
      EncoderError: there is no such encoder.
    """
    return ENCODERS[name].info if name in ENCODERS else _own_encoder(name).info


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


def _own_encoder(name: str) -> Any:
    """Returns a new encoder of `package.module:name`."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        near = nearest(name, ENCODERS)
        suggestion = f"did you mean {near}?" if near else f"there are {listed(list(ENCODERS))}."
        raise EncoderError(
            f"There is no encoder {name!r}; {suggestion} Your own is package.module:name."
        )
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise EncoderError(
            f"The encoder {name} cannot be imported ({error}); is its module installed, or in the "
            f"working directory?"
        ) from None
    except Exception as error:  # of the user's code, or for a name that is no module's
        raise EncoderError(
            f"The encoder {name} cannot be imported ({_described(error)}); correct its module."
        ) from error
    if not callable(factory):
        raise EncoderError(f"The encoder {name} is not a class or a function.")
    try:
        encoder = factory()
    except FaceVoiceError:
        raise
    except Exception as error:  # of the user's code
        raise EncoderError(
            f"{name}() fails ({_described(error)}); it must return an encoder without arguments."
        ) from error
    if not isinstance(getattr(encoder, "info", None), EncoderInfo):
        raise EncoderError(f"{name} returns {type(encoder).__name__}, which has no `info`.")
    return encoder


def _described(error: Exception) -> str:
    """Returns an exception as Python prints it, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
