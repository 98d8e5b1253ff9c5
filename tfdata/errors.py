"""The base of the project's errors.

Commands print the text of such an error as one line and exit with 1 (`tfdata.command_line.run`).
`models` imports Keras alone, so its `ModelError` has another base; callers translate it.
"""

from __future__ import annotations


class FaceVoiceError(Exception):
    """An error whose message says what was found, where, and what to do."""


class DatasetError(FaceVoiceError, ValueError):
    """A dataset that cannot be read."""
