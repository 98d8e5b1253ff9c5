"""Recognises swapped `--faces` and `--audio` by the types of their files."""

from __future__ import annotations

from itertools import islice

from beam_pipelines.corpus.trees import FileEntry, Tree
from facevoice.features.file_types import AUDIO_SUFFIXES, IMAGE_SUFFIXES

FOLDERS, FILES = 3, 200  # of each tree that are looked at, to be quick


def are_swapped(faces: Tree, audio: Tree) -> bool:
    """Returns whether the first people have clips below `faces`, images below `audio`, only."""
    return (
        _has(faces, AUDIO_SUFFIXES)
        and _has(audio, IMAGE_SUFFIXES)
        and not _has(faces, IMAGE_SUFFIXES)
        and not _has(audio, AUDIO_SUFFIXES)
    )


def _has(tree: Tree, suffixes: tuple[str, ...]) -> bool:
    try:
        return any(
            isinstance(found, FileEntry)
            for folder in sorted(tree.folders())[:FOLDERS]
            for found in islice(tree.files(folder, suffixes), FILES)
        )
    except OSError:
        return False
