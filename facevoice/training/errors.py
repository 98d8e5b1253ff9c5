"""The error of this package."""

from tfdata.errors import FaceVoiceError


class TrainingError(FaceVoiceError):
    """A training that cannot start or go on."""
