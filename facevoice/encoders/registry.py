"""Registry of the encoders by name."""

from __future__ import annotations

from dataclasses import dataclass

from tfdata.errors import FaceVoiceError

DLIB_RESNET, GE2E = "dlib_resnet", "ge2e"


class EncoderError(FaceVoiceError):
    """Raised if there is no encoder of a name, or it cannot be used."""


@dataclass(frozen=True)
class EncoderInfo:
    """What identifies an encoder: embeddings of equal infos can be compared.

    Attributes:
      name: name in the registry, or `package.module:name`.
      version: of the package that the weights come from.
      digest: of the weights.
      dimension: length of an embedding.
      modality: 'image' or 'audio'.
    """

    name: str
    version: str
    digest: str
    dimension: int
    modality: str


_BUILT_IN = {
    DLIB_RESNET: EncoderInfo(DLIB_RESNET, "0.3.0", "", 128, "image"),
    GE2E: EncoderInfo(GE2E, "0.1.4", "", 256, "audio"),
}


def encoder_info(name: str) -> EncoderInfo:
    """Returns what identifies an encoder; its weights need not be there.

    Raises:
      EncoderError: there is no encoder of this name.
    """
    if name not in _BUILT_IN:
        raise EncoderError(f"There is no encoder {name!r}; there are {', '.join(_BUILT_IN)}.")
    return _BUILT_IN[name]
