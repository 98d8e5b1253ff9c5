"""Errors of the build."""

from tfdata.errors import FaceVoiceError


class BuildError(FaceVoiceError):
    """Raised when a build fails; an older dataset in the output is unchanged."""
