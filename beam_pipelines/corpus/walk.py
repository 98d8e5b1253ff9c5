"""Walks a folder on a disk and follows links, each file once.

Files in real folders come first, under their own paths. Links are then followed in the order of
their paths, and lead only to files that are not listed yet. So links to media that are listed
anyway change nothing, and the result does not depend on the order of a listing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from beam_pipelines.corpus.ignored import HIDDEN, ignored_reason
from facevoice.features.helper_files import is_helper_folder, is_hidden_file


@dataclass(frozen=True)
class RepeatedLink:
    """A symbolic link to a file or folder that is listed already; `path` is that of the link."""

    path: str


def walk(
    top: str, is_media: Callable[[str], bool], ignored: Counter[str]
) -> Iterator[tuple[str, str] | RepeatedLink | OSError]:
    """Yields folder and name of all media below a folder, repeated links, and errors.

    Strings, because it takes longer to make millions of `Path` objects than to list the files.

    Args:
      top: the folder, which may be a link.
      is_media: returns whether a file of this name is listed.
      ignored: reason to number of ignored files (see `Ignored`), to which this walk adds.
    """
    found = _Walk(is_media, ignored)
    real_top = os.path.realpath(top)
    yield from found.folder(top, real_top)
    while found.links:
        links, found.links = sorted(found.links), []
        for link in links:
            target = os.path.realpath(link)
            if _contains(target, real_top):  # a loop, through which other people are reached
                yield RepeatedLink(link)
            elif os.path.isdir(target):  # noqa: PTH112  (Path raises without permission)
                yield from found.folder(link, target)
            elif is_media(name := link.rpartition("/")[2]):
                yield from found.linked_file(link, target)
            else:
                ignored[ignored_reason(name)] += 1


class _Walk:
    """What was listed so far, and the links that were not followed yet."""

    def __init__(self, is_media: Callable[[str], bool], ignored: Counter[str]) -> None:
        self.links: list[str] = []
        self._ignored = ignored
        self._is_media = is_media
        self._folders: set[str] = set()  # real paths
        self._linked_files: set[str] = set()  # real paths

    def folder(self, top: str, real_top: str) -> Iterator[tuple[str, str] | RepeatedLink | OSError]:
        """Yields the media in the real folders at and below `top`."""
        if real_top in self._folders:
            yield RepeatedLink(top)
            return
        errors = []
        folders = [(top, real_top)]  # not recursive: folders may be nested more deeply than calls
        while folders:
            folder, real = folders.pop()
            if real in self._folders:  # it was reached through a link further down
                continue
            self._folders.add(real)
            try:
                with os.scandir(folder) as found:
                    entries = list(found)
            except OSError as error:
                errors.append(error)
                continue
            for entry in entries:
                if entry.is_symlink():
                    if is_helper_folder(entry.name) or is_hidden_file(entry.name):
                        self._ignored[HIDDEN] += 1
                    else:
                        self.links.append(f"{folder}/{entry.name}")
                elif entry.is_dir(follow_symlinks=False):
                    if is_helper_folder(entry.name):
                        self._ignored[f"{entry.name}/"] += count_files(entry.path)
                    else:
                        folders.append((f"{folder}/{entry.name}", f"{real}/{entry.name}"))
                elif not self._is_media(entry.name):
                    self._ignored[ignored_reason(entry.name)] += 1
                elif not self._linked_files or f"{real}/{entry.name}" not in self._linked_files:
                    yield folder, entry.name
        yield from errors

    def linked_file(self, link: str, target: str) -> Iterator[tuple[str, str] | RepeatedLink]:
        """Yields a link to a file under the name of the link; broken links are yielded, too."""
        real_folder, _, name = target.rpartition("/")
        listed = real_folder in self._folders and self._is_media(name)
        if target in self._linked_files or (listed and os.path.lexists(target) and link != target):
            yield RepeatedLink(link)
            return
        if os.path.lexists(target):
            self._linked_files.add(target)
        folder, _, name = link.rpartition("/")
        yield folder, name


def count_files(folder: str) -> int:
    """Returns the number of files below a folder, without following links."""
    return sum(len(files) for _, _, files in os.walk(folder))


def _contains(folder: str, path: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
