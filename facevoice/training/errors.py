"""Error of this package."""

from tfdata.errors import FaceVoiceError


class TrainingError(FaceVoiceError):
    """Raised if a training cannot start or continue."""
