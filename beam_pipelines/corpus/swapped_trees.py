"""Recognises swapped `--faces` and `--audio` by the types of their files."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from beam_pipelines.corpus.trees import FileEntry, Tree
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES, has_suffix

FOLDERS, FILES = 3, 200  # of each tree that are looked at, to be quick


def are_swapped(
    faces: Tree, face_folders: Iterable[str], audio: Tree, audio_folders: Iterable[str]
) -> bool:
    """Returns whether the first people have clips below `faces`, images below `audio`, only.

    Trees that are not swapped are recognised by their first file, as listing takes requests in S3.

    Args:
      faces, audio: the trees.
      face_folders, audio_folders: their directories of people.
    """
    return _has_only(faces, face_folders, AUDIO_SUFFIXES, IMAGE_SUFFIXES) and _has_only(
        audio, audio_folders, IMAGE_SUFFIXES, AUDIO_SUFFIXES
    )


def _has_only(
    tree: Tree, folders: Iterable[str], suffixes: tuple[str, ...], others: tuple[str, ...]
) -> bool:
    """Returns whether the first files end in `suffixes`, and none in `others`."""
    is_found = False
    try:
        for folder in sorted(folders)[:FOLDERS]:
            for found in islice(tree.files(folder, (*suffixes, *others)), FILES):
                if isinstance(found, FileEntry):
                    if has_suffix(found.path, others):
                        return False
                    is_found = True
    except OSError:
        return False
    return is_found
