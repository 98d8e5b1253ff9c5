"""Counts the files of a corpus that are ignored, by the reasons that their names tell.

Hidden directories and those that operating systems, network storage and tools create are neither
people nor videos.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from facevoice.features.file_types import suffix_of
from facevoice.features.helper_files import is_hidden_file

HIDDEN, OUTSIDE = "hidden", "outside"


@dataclass(frozen=True)
class Ignored:
    """A number of files that are ignored for the same reason.

    Attributes:
      kind: FACE or CLIP, the tree in which they are.
      reason: HIDDEN, OUTSIDE of the directories of people, an extension such as ".txt" ("" for
        names without one), or the name of a directory with a slash, such as "@eaDir/".
      files: number of files.
    """

    kind: str
    reason: str
    files: int


def ignored_reason(name: str) -> str:
    """Returns the reason for which a file that is not read is ignored."""
    if is_hidden_file(name):
        return HIDDEN
    return suffix_of(name)


def ignored_at_root(name: str) -> str:
    """Returns the reason for which a file beside the directories of people is ignored."""
    return HIDDEN if is_hidden_file(name) else OUTSIDE


def merge_ignored(ignored: Iterable[Ignored]) -> tuple[Ignored, ...]:
    """Returns one entry for each kind and reason, sorted."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in ignored:
        counts[each.kind, each.reason] += each.files
    return tuple(Ignored(kind, reason, files) for (kind, reason), files in sorted(counts.items()))
