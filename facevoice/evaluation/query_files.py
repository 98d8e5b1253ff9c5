"""Finds the media files that a prediction is asked for: files, folders, and standard input."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from facevoice.evaluation.errors import EvaluationError
from tfdata.storage.files import is_clutter
from tfdata.text import agree, counted

STDIN = "-"


def files_below(flag: str, folder: str, suffixes: Sequence[str]) -> tuple[list[str], str | None]:
    """Returns the media files below a folder, sorted, and a line about its other files.

    Args:
      flag: the flag that names the folder, for messages.
      folder: the folder.
      suffixes: name extensions of the media, in lower case.

    Raises:
      EvaluationError: there is no such file.
    """
    found = (path for path in Path(folder).rglob("*") if not path.is_dir())
    below = sorted(path for path in found if not is_clutter(path.name))
    media = [str(path) for path in below if path.suffix.lower() in suffixes]
    others = Counter(path.suffix.lower() or "none" for path in below)
    ignored = {suffix: count for suffix, count in others.items() if suffix not in suffixes}
    count = sum(ignored.values())
    note = (
        f"{counted(count, 'other file')} {agree(count, 'was', 'were')} ignored, by extension: "
        f"{', '.join(f'{suffix} {number}' for suffix, number in ignored.items())}"
    )
    if not media:
        raise EvaluationError(
            f"{flag} {folder} has no file with an extension of {flag}, such as {suffixes[0]}"
            f"{f' ({note})' if count else ''}; name another folder, or files."
        )
    return media, f"{flag} {folder}: {note}." if count else None


@contextmanager
def saved_stdin(paths: Sequence[str | None]) -> Iterator[str | None]:
    """Saves standard input to a temporary file if a path is STDIN; yields the path of the file."""
    if STDIN not in paths:
        yield None
        return
    with tempfile.NamedTemporaryFile(prefix="facevoice-") as file:
        file.write(sys.stdin.buffer.read())
        file.flush()
        yield file.name
