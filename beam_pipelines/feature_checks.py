"""Checks that the detectors and encoders of a build can run here, before it starts."""

from __future__ import annotations

from collections.abc import Iterable

from beam_pipelines.errors import BuildError
from facevoice.encoders.registry import EncoderError, audio_encoder, image_encoder
from facevoice.features import FeatureSettings, face_detection, voice_activity
from facevoice.features.face_detection import DetectorError
from facevoice.features.settings import DETECTOR_SETTINGS, VOICE_ACTIVITY_SETTINGS
from facevoice.features.voice_activity import VoiceActivityError
from facevoice.weights import WeightsError


def check_features(features: FeatureSettings) -> None:
    """Checks the face detector, voice activity detection and the encoders of a build.

    Raises:
      BuildError: a package or weights are missing, there is no such encoder, or a setting would
        have no effect.
    """
    _check_face_detector(features)
    _check_voice_activity(features)
    _check_encoders(features)


def _check_face_detector(features: FeatureSettings) -> None:
    if features.face_detector == "none":
        needed = "a face detector, and this build has none; give --face_detector blazeface"
        _refuse_changed(features, DETECTOR_SETTINGS, needed)
        return
    try:
        face_detection.check_detector()
    except (DetectorError, WeightsError) as error:
        raise BuildError(
            f"{str(error).removesuffix('.')}, or give --face_detector none, which crops the centre "
            f"of each image."
        ) from None


def _check_voice_activity(features: FeatureSettings) -> None:
    if features.voice_activity == "none":
        needed = "voice activity detection; give --voice_activity silero"
        _refuse_changed(features, VOICE_ACTIVITY_SETTINGS, needed)
        return
    try:
        voice_activity.check_detector()
    except VoiceActivityError as error:
        raise BuildError(f"{str(error).removesuffix('.')}, or remove --voice_activity.") from None


def _check_encoders(features: FeatureSettings) -> None:
    flag = "--face_encoder"
    try:
        if features.face_encoder != "none":
            face_detection.check_detector()
            image_encoder(features.face_encoder)
        flag = "--voice_encoder"
        if features.voice_encoder != "none":
            audio_encoder(features.voice_encoder)
    except (DetectorError, EncoderError, WeightsError) as error:
        raise BuildError(f"{flag}: {error}") from None


def _refuse_changed(features: FeatureSettings, names: Iterable[str], needed: str) -> None:
    """Refuses settings that are not their defaults, as they would have no effect."""
    for name in names:
        if getattr(features, name) != getattr(FeatureSettings(), name):
            raise BuildError(f"--{name} has no effect without {needed}, or remove --{name}.")
