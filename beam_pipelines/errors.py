"""The error of this package."""

from tfdata.errors import FaceVoiceError


class BuildError(FaceVoiceError):
    """A build that cannot go on, or whose result may not be published."""
