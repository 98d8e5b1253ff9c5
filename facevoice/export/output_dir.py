"""Writes the directory of an export as a whole."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facevoice.export.errors import ExportError
from tfdata.storage.files import is_clutter


def check_replaceable(folder: Path, is_earlier: Callable[[Path], bool]) -> None:
    """Checks that a directory is missing, empty, or an earlier output of the same kind.

    Args:
      folder: the output directory.
      is_earlier: whether a directory with content is an earlier output.

    Raises:
      ExportError: it is something else.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise ExportError(f"--output {folder} is not a directory; choose another one.")
    found = sorted(path.name for path in folder.iterdir() if not is_clutter(path.name))
    if found and not is_earlier(folder):
        raise ExportError(
            f"--output {folder} contains {found[0]} and is not an earlier export; choose a new "
            f"directory."
        )


@contextmanager
def written_as_whole(folder: Path) -> Iterator[Path]:
    """Yields an empty directory that replaces `folder` at the end, or is removed after an error.

    Raises:
      OSError: a file cannot be written.
    """
    folder = folder.resolve()  # the user may have named a symbolic link
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    earlier = staging.with_suffix(".old")
    staging.mkdir()
    try:
        yield staging
        if folder.exists():
            folder.rename(earlier)
        staging.rename(folder)
    finally:
        if earlier.exists() and not folder.exists():
            earlier.rename(folder)
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)
