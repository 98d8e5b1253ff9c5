"""Checks that the encoders of a build can run."""

from __future__ import annotations

from beam_pipelines.errors import BuildError
from facevoice.encoders.registry import EncoderError, audio_encoder, image_encoder
from facevoice.features import FeatureSettings
from facevoice.features.face_detection import DetectorError, check_detector
from facevoice.weights import WeightsError


def check_encoders(features: FeatureSettings) -> None:
    """Checks that the encoders of a build are there, and can run here.

    Raises:
      BuildError: there is no such encoder, or its runtime or its weights are missing.
    """
    flag = "--face_encoder"
    try:
        if features.face_encoder != "none":
            check_detector()
            image_encoder(features.face_encoder)
        flag = "--voice_encoder"
        if features.voice_encoder != "none":
            audio_encoder(features.voice_encoder)
    except (DetectorError, EncoderError, WeightsError) as error:
        raise BuildError(f"{flag}: {error}") from None
