"""Finds the media files that a prediction is asked for: files, folders, and standard input."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from facevoice.evaluation.errors import EvaluationError
from facevoice.features.file_types import has_suffix, suffix_of
from facevoice.features.helper_files import is_helper_folder, is_hidden_file
from tfdata.storage.files import is_clutter
from tfdata.text import agree, counted

STDIN = "-"


def files_below(flag: str, folder: str, suffixes: tuple[str, ...]) -> tuple[list[str], str | None]:
    """Returns the media files below a folder, sorted, and a line about its other files.

    Hidden files, and those in directories that operating systems and tools create, are not media.

    Args:
      flag: the flag that names the folder, for messages.
      folder: the folder.
      suffixes: name extensions of the media, in lower case.

    Raises:
      EvaluationError: there is no such file.
      OSError: a directory cannot be read.
    """
    media, ignored = [], Counter[str]()
    for path, is_hidden in sorted(_walk(folder)):
        if is_hidden:
            ignored["hidden"] += 1
        elif has_suffix(path, suffixes):
            media.append(path)
        else:
            ignored[suffix_of(path.rpartition("/")[2]) or "none"] += 1
    count = ignored.total()
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


def _walk(top: str) -> Iterator[tuple[str, bool]]:
    """Yields the path of each file, except clutter such as .DS_Store, and whether it is hidden."""
    for folder, _, names in os.walk(Path(top), onerror=_raise):
        below = Path(folder).relative_to(top).parts
        in_helper_folder = any(map(is_helper_folder, below))
        for name in names:
            if not is_clutter(name):
                yield str(Path(folder, name)), in_helper_folder or is_hidden_file(name)


def _raise(error: OSError) -> None:
    raise error


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
