"""Why a media file cannot be used: a fixed vocabulary, so that rejects can be counted."""

from __future__ import annotations

import os
import stat
from enum import StrEnum

from tfdata.errors import FaceVoiceError


class Reason(StrEnum):
    """The reasons for which a file is rejected. The values are part of the data set's format."""

    UNREADABLE = "unreadable"  # missing, not permitted, no known format, or damaged inside
    TOO_LARGE = "too_large"  # more pixels, or more work, than any photograph of a face needs
    TOO_SMALL = "too_small"  # too few pixels to show a face
    BLANK = "blank"  # an image of one colour, give or take noise
    TOO_SHORT = "too_short"  # no samples, or too few to hear a voice
    SAMPLE_RATE = "sample_rate"  # outside of what recorders produce
    NOT_FINITE = "not_finite"  # NaN or infinite samples
    SILENT = "silent"  # digital silence, a constant, or nothing but their rounding


class MediaError(FaceVoiceError):
    """A media file that cannot be used.

    Attributes:
      reason: the kind, for counting.
      detail: one clause for people, without the path.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both arguments, so that it survives pickling
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


def check_regular(source: object) -> None:
    """Checks that a path does not name a FIFO, a device or a socket, whose opening could block.

    Open files, and paths that cannot be looked at, are left to whoever reads them.

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
