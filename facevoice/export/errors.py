"""The base of errors about exports."""

from tfdata.errors import FaceVoiceError


class ExportError(FaceVoiceError):
    """A run or a dataset that cannot be exported."""
