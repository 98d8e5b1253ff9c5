"""Errors of this package."""

from tfdata.errors import FaceVoiceError


class EvaluationError(FaceVoiceError):
    """Raised if a run cannot be opened or evaluated."""


class UnusableError(EvaluationError):
    """Raised for a media file that cannot be used."""
