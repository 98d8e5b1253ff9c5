"""Reject reasons: a fixed vocabulary for media files that cannot be used."""

from __future__ import annotations

import os
import stat
from enum import StrEnum

from tfdata.errors import FaceVoiceError


class Reason(StrEnum):
    """Why a media file is rejected. The values are part of the dataset format.

    Attributes:
      description: one clause that explains the reason to users.
    """

    description: str

    UNREADABLE = "unreadable", "missing, not permitted, of an unknown format, or damaged"
    TOO_LARGE = "too_large", "an image with more pixels or more scans than are decoded"
    TOO_SMALL = "too_small", "an image with too few pixels in the crop"
    BLANK = "blank", "an image of a single colour, apart from noise"
    NO_FACE = "no_face", "an image in which the face detector finds no face"
    SEVERAL_FACES = "several_faces", "an image of several faces, with --several_faces reject"
    NO_TRACK = "no_track", "a window of a video in which the face changes, as at a cut"
    NO_VIDEO = "no_video", "a video without pictures, or without any in its audio"
    NO_AUDIO = "no_audio", "a video without a sound track"
    TOO_SHORT = "too_short", "a clip, or the rest of one, shorter than 0.25 s"
    SAMPLE_RATE = "sample_rate", "a clip with a sample rate outside of 4 to 384 kHz"
    NOT_FINITE = "not_finite", "a clip with NaN or infinite samples"
    SILENT = "silent", "a clip without sound: silence or a constant, apart from rounding"
    NO_SPEECH = "no_speech", "a clip without another window of enough speech, with --voice_activity"

    def __new__(cls, value: str, description: str) -> Reason:
        """Creates a member that is equal to its value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member


class MediaError(FaceVoiceError):
    """Raised for a media file that cannot be used.

    Attributes:
      reason: the reject reason, for counting.
      detail: one clause for users, without the path.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both arguments, so that it can be pickled
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


def check_regular(source: object) -> None:
    """Checks that a path does not name a FIFO, a device or a socket, whose opening could block.

    Open files and paths without a readable status pass; reading them raises the error.

    Raises:
      MediaError: unreadable.
    """
    if not isinstance(source, str | os.PathLike):
        return
    try:
        mode = os.stat(source).st_mode  # noqa: PTH116  (of millions of files)
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise MediaError(Reason.UNREADABLE, "not a regular file")
