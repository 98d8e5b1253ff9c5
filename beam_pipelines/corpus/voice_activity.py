"""Checks that the voice activity detection of a build can run."""

from __future__ import annotations

from beam_pipelines.errors import BuildError
from facevoice.features import FeatureSettings
from facevoice.features.settings import VOICE_ACTIVITY_SETTINGS
from facevoice.features.voice_activity import VoiceActivityError, check_detector


def check_voice_activity(features: FeatureSettings) -> None:
    """Checks that the detector runs here, or that no setting needs it.

    Raises:
      BuildError: the detector is missing, or a setting would have no effect.
    """
    if features.voice_activity == "none":
        for name in VOICE_ACTIVITY_SETTINGS:
            if getattr(features, name) != getattr(FeatureSettings(), name):
                raise BuildError(
                    f"--{name} has no effect without voice activity detection; give "
                    f"--voice_activity silero, or remove --{name}."
                )
        return
    try:
        check_detector()
    except VoiceActivityError as error:
        raise BuildError(f"{str(error).removesuffix('.')}, or remove --voice_activity.") from None
