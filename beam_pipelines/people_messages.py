"""Formats what a build prints about the people of a corpus. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from beam_pipelines.corpus.people import MAX_COMPARED, FoundPeople
from tfdata.text import agree, counted, nearest, printable

MAX_NAMES = 5


def people_line(found: FoundPeople, persons: int | None) -> str:
    """Returns the number of people that a build uses and leaves out.

    Args:
      found: the people of the corpus.
      persons: maximum number of people, or None.
    """
    count = len(found.people)
    line = count_people(count)
    if persons is not None and persons < count:
        line = f"{persons} of {line}"
    if found.not_in_split_file:
        line += f"; --split_file does not list {found.not_in_split_file} more"
    if names := found.faces_without_audio + found.audio_without_faces:
        line += (
            f"; {_without_counterpart(found)} {agree(len(names), 'has', 'have')} no counterpart "
            f"({first_names(_names_without_counterpart(found))})"
        )
    if links := found.linked:
        others = agree(len(links), "directory of another person", "directories of others")
        line += (
            f"; {counted(len(links), 'symbolic link')} to the {others} left out "
            f"({first_names(links)})"
        )
    if names := found.not_utf8:
        line += (
            f"; {counted(len(names), 'directory', 'directories')} ({first_names(names)}) "
            f"left out, because {agree(len(names), 'its name is', 'their names are')} not UTF-8"
        )
    return line


def too_few_people_lines(people: int) -> list[str]:
    """Returns a warning if a dataset of so many people cannot be used for training."""
    if people > 1:
        return []
    return [
        "warning: with one person, nothing can be trained, because models identify people; build "
        "from two or more people to train"
    ]


def _without_counterpart(found: FoundPeople) -> str:
    """Returns how many directories are in one tree only: "2 directories of faces"."""
    faces, audio = len(found.faces_without_audio), len(found.audio_without_faces)
    if not faces:
        return f"{counted(audio, 'directory', 'directories')} of audio"
    of_faces = f"{counted(faces, 'directory', 'directories')} of faces"
    return f"{of_faces} and {audio} of audio" if audio else of_faces


def _names_without_counterpart(found: FoundPeople) -> list[str]:
    """Returns the directories of one tree only; similar names of both trees as one entry."""
    audio = list(found.audio_without_faces)
    meanings = {found.identity_of.get(name, name): name for name in audio}
    names = []
    for position, face in enumerate(found.faces_without_audio):
        if position < MAX_COMPARED and (similar := nearest(face, meanings)):
            folder = meanings.pop(similar)
            audio.remove(folder)
            meant = folder if folder == similar else f"{similar}, {folder}"
            names.append(f"{face} of --faces, did you mean {meant} of --audio?")
        else:
            names.append(face)
    return sorted(names, key=lambda name: "did you mean" not in name) + audio


def count_people(count: int) -> str:
    """Returns a number of people: "1 person", "3 people"."""
    return counted(count, "person", "people")


def list_people(names: Sequence[str], what: str) -> list[str]:
    """Returns a line with the first names, or none without names."""
    if not names:
        return []
    return [f"{count_people(len(names))} ({first_names(sorted(names))}) {what}"]


def first_names(names: Sequence[str], count: int = MAX_NAMES) -> str:
    """Returns the first of some names, with "..." if there are more."""
    return ", ".join(map(printable, names[:count])) + (", ..." if len(names) > count else "")
