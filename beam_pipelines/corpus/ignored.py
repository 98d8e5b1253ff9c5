"""Decides by name which files and directories of a corpus are ignored.

Hidden directories and those that operating systems, network storage and tools create are neither
people nor videos. Copies of images in them, such as thumbnails, would be counted as media.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from tfdata.storage.files import is_clutter

# In lower case. macOS, Windows, Linux, Synology, QNAP, NetApp, Python, editors.
HELPER_FOLDERS = frozenset(
    {
        "__macosx",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "thevolumesettingsfolder",
        "@eadir",
        "@tmp",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "~snapshot",
        "__pycache__",
        "node_modules",
    }
)
MACOS_ICON = "icon\r"  # in lower case
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


def is_helper_folder(name: str) -> bool:
    """Returns whether a directory is hidden or created by an operating system or a tool."""
    return name.startswith(".") or name.lower() in HELPER_FOLDERS


def is_hidden_file(name: str) -> bool:
    """Returns whether a file is hidden, such as `._0.jpg`, or created by an operating system."""
    return name.startswith(".") or is_clutter(name) or name.lower() == MACOS_ICON


def ignored_reason(name: str) -> str:
    """Returns the reason for which a file that is not read is ignored."""
    if is_hidden_file(name):
        return HIDDEN
    return PurePosixPath(name.partition("?")[0]).suffix.lower()


def ignored_at_root(name: str) -> str:
    """Returns the reason for which a file beside the directories of people is ignored."""
    return HIDDEN if is_hidden_file(name) else OUTSIDE


def merge_ignored(ignored: Iterable[Ignored]) -> tuple[Ignored, ...]:
    """Returns one entry for each kind and reason, sorted."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in ignored:
        counts[each.kind, each.reason] += each.files
    return tuple(Ignored(kind, reason, files) for (kind, reason), files in sorted(counts.items()))
