"""Checks that a build does not write into its corpus."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from beam_pipelines.errors import BuildError
from tfdata.storage.base import Address, Place


def check_no_overlap(output: Place, corpus: Mapping[str, Place]) -> None:
    """Checks that neither the output nor a directory of the corpus contains the other.

    Symbolic links are resolved, and directories are compared as files, because a disk may be
    mounted twice or ignore the case of letters.

    Args:
      output: directory or URL of the dataset.
      corpus: name for messages, such as a flag, to directory or URL.

    Raises:
      BuildError: one contains the other, or both are the same.
    """
    for name, root in corpus.items():
        if _contains(root, output):
            is_same = _contains(output, root)
            relation = "the same directory as" if is_same else "inside"
            raise _overlap(f"--output {output} is {relation} {name} {root}")
        if _contains(output, root):
            raise _overlap(f"{name} {root} is inside --output {output}")


def _overlap(found: str) -> BuildError:
    return BuildError(
        f"{found}; a build writes and removes files in its output, so name a directory apart from "
        f"the corpus."
    )


def _contains(folder: Place, place: Place) -> bool:
    """Returns whether a place is a folder or below it; a folder that is missing contains none."""
    if isinstance(folder, Address) and isinstance(place, Address):
        return PurePosixPath(place.url).is_relative_to(PurePosixPath(folder.url))
    if isinstance(folder, Address) or isinstance(place, Address):
        return False
    real = Path(os.path.realpath(place))  # unlike Path.resolve, also for a loop of links
    if real.is_relative_to(os.path.realpath(folder)):
        return True
    try:
        return any(folder.samefile(above) for above in (real, *real.parents) if above.exists())
    except OSError:  # the folder is missing, or may not be looked at
        return False
