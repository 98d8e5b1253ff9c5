"""Selects the face detector of a build by its corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from beam_pipelines.corpus.listing import is_crop_level
from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.errors import BuildError
from tfdata.storage.base import Address, Place
from tfdata.text import printable

EXAMINED_PEOPLE = 20  # the first by identity


def default_detector(faces_root: Place | None, people: Sequence[Person]) -> str:
    """Returns the face detector for a corpus: 'none' if its images are crops of faces.

    They are if the first directory of a person is a level of VoxCeleb's crops, such as `1.6`. What
    is installed does not matter. The first EXAMINED_PEOPLE people with images are examined. Frames
    of videos are no crops.

    Raises:
      BuildError: some people have such a level and others do not, or have videos.
    """
    with_images = [person for person in people if person.face_folder][:EXAMINED_PEOPLE]
    cropped = {
        person.face_folder: faces_root is not None and _has_crop_level(faces_root, person)
        for person in with_images
    }
    if len(set(cropped.values())) > 1:
        with_level, without = (
            next(folder for folder, found in cropped.items() if found is wanted)
            for wanted in (True, False)
        )
        raise _contradiction(printable(with_level), f"{printable(without)} has other images")
    if any(cropped.values()) and any(person.video_folder for person in people):
        raise _contradiction(printable(next(iter(cropped))), "--videos has whole pictures")
    return "none" if any(cropped.values()) else "blazeface"


def _contradiction(cropped: str, others: str) -> BuildError:
    return BuildError(
        f"--faces: {cropped} has crops of faces, in a directory such as 1.6, and {others}; give "
        f"--face_detector blazeface to search faces, or --face_detector none to crop the centre "
        f"of each image."
    )


def _has_crop_level(faces_root: Place, person: Person) -> bool:
    folder = _below(faces_root, person.face_folder)
    try:
        return any(map(is_crop_level, tree_at(folder).folders()))
    except OSError:
        return False  # listing the files names the folder and the reason


def _below(root: Place, folder: str) -> Place:
    if isinstance(root, Path):
        return root / folder
    return replace(root, url=f"{root.url}/{folder}") if isinstance(root, Address) else root
