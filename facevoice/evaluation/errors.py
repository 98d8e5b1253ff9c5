"""The error of this package."""

from tfdata.errors import FaceVoiceError


class EvaluationError(FaceVoiceError):
    """A run that cannot be opened, or a question that it cannot answer."""
