"""Recognises files and directories that operating systems and tools create beside media, by name.

Copies of images in them, such as thumbnails, would be counted as media.
"""

from __future__ import annotations

import re

from tfdata.storage.files import is_clutter

# In lower case. macOS, Windows, Linux, Synology, QNAP, NetApp, Python, editors, version control,
# GoodSync.
HELPER_FOLDERS = frozenset(
    {
        "__macosx",
        "$recycle.bin",
        "recycled",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "thevolumesettingsfolder",
        "@eadir",
        "@tmp",
        "@sharebin",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "@__thumb",
        "@quarantine",
        "@transcode",
        "~snapshot",
        "__pycache__",
        "node_modules",
        "cvs",
        "_gsdata_",
    }
)
_CHECKED_DISK = re.compile(r"found\.\d{3}")  # of CHKDSK
_MACOS_ICON = "icon\r"  # in lower case


def is_helper_folder(name: str) -> bool:
    """Returns whether a directory is hidden or created by an operating system or a tool."""
    if name.startswith("."):
        return True
    lowered = name.lower()
    return lowered in HELPER_FOLDERS or _CHECKED_DISK.fullmatch(lowered) is not None


def is_hidden_file(name: str) -> bool:
    """Returns whether a file is hidden, such as `._0.jpg`, or created by an operating system."""
    return name.startswith(".") or is_clutter(name) or name.lower() == _MACOS_ICON
