"""Encoders that a dataset or a run records: comparing them, and opening them for new media."""

from __future__ import annotations

from facevoice.encoders.base import EncoderError, EncoderInfo
from facevoice.encoders.registry import encoder_info, is_installed
from tfdata.manifest import Encoder, Manifest

FLAGS = {"image": "--face_encoder", "audio": "--voice_encoder"}


def recorded_encoders(manifest: Manifest) -> dict[str, EncoderInfo]:
    """Returns 'image' and 'audio' to the encoder of a dataset's embeddings; empty without."""
    return {modality: _info(modality, each) for modality, each in manifest.encoders.items()}


def open_recorded(recorded: EncoderInfo, named: str | None, where: str) -> EncoderInfo:
    """Returns the encoder that a file records, for `facevoice.encoders.media`.

    A file may come from someone else, so that an encoder of the user's own, which is code, is not
    imported because a file names it.

    Args:
      recorded: from the file.
      named: name of the encoder on the command line; None uses the recorded name.
      where: the file, for messages.

    Raises:
      EncoderError: there is no such encoder, it is not the recorded one, or has to be named.
    """
    name = named or recorded.name
    if named is None and not is_installed(name):
        raise EncoderError(
            f"{where} was made with the encoder {name}, which is not part of FaceVoice; if you "
            f"trust it, name it with {FLAGS[recorded.modality]} {name}."
        )
    info = encoder_info(name)
    check_equal(recorded, info, where)
    return info


def check_equal(recorded: EncoderInfo, used: EncoderInfo, where: str) -> None:
    """Checks that embeddings of two encoders can be compared.

    Raises:
      EncoderError: they differ.
    """
    if recorded != used:
        raise EncoderError(
            f"{where} has {recorded.modality} embeddings of {describe_encoder(recorded)}, which "
            f"cannot be compared with those of {describe_encoder(used)}; use the same encoder."
        )


def describe_encoder(encoder: EncoderInfo | Encoder) -> str:
    """Returns the name, the version and the digest of an encoder as text."""
    return f"{encoder.name} {encoder.version} (weights {encoder.digest[:12]})"


def _info(modality: str, encoder: Encoder) -> EncoderInfo:
    return EncoderInfo(encoder.name, encoder.version, encoder.digest, encoder.dimension, modality)
