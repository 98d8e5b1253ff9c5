"""Checks lists of trials: repeated and contradicting trials, and people of the training data.

The person of a file is found in its path, which is `id10270/5r0dWxy17C8/00001.wav` in VoxCeleb's
lists, and may have any directories before it. Utterances of Kaldi begin with the person:
`id10270-5r0dWxy17C8-00001`.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from tfdata.text import nfc

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TrialCounts:
    """Counts of trials that a clean list does not have.

    Attributes:
      repeated: trials whose two files were compared by an earlier trial.
      mirrored: those of them in which the files are exchanged.
      contradicting: pairs of files that are listed as the same person and as different people.
      same_file: trials of a file with itself.
    """

    repeated: int
    mirrored: int
    contradicting: int
    same_file: int


def count_trials(
    same: NDArray[np.bool_], first: Ints, second: Ints, files: Sequence[str]
) -> TrialCounts:
    """Counts repeated, mirrored, contradicting and trivial trials.

    Args:
      same: bool [trials], whether both files are listed as of one person.
      first, second: int [trials], indices into `files`.
      files: paths; two spellings of a path, such as a/b and a/./b, or two forms of Unicode, are one
        file.
    """
    paths = [nfc(posixpath.normpath(file)) for file in files]
    index = {name: i for i, name in enumerate(dict.fromkeys(paths))}
    numbers = np.array([index[path] for path in paths], np.int64)
    first, second = numbers[first], numbers[second]
    unordered = np.minimum(first, second) * len(index) + np.maximum(first, second)
    pairs = len(np.unique(unordered))
    ordered_pairs = len(np.unique(first * len(index) + second))
    return TrialCounts(
        repeated=len(same) - pairs,
        mirrored=ordered_pairs - pairs,
        contradicting=len(np.unique(2 * unordered + same)) - pairs,
        same_file=int((first == second).sum()),
    )


def directories(files: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the directories of each path, without the leading ones that all paths share."""
    found = [PurePosixPath(posixpath.normpath(file)).parts[:-1] for file in files]
    columns = zip(*found, strict=False)  # as many as the shortest path has
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return [parts[shared:] for parts in found]


def find_people(files: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Returns the person of each file, '' if its path does not tell.

    A file's person is the first of its directories that is the name or id of a known person, else
    the first that looks like one, as `id10270` looks like `id10001`, else the directory at the
    place at which most other paths have their person.

    Args:
      files: paths.
      known: names and ids of the people of the training data, to their identities.
    """
    files = [nfc(file) for file in files]  # as the names of known people
    parts = [_candidates(*each) for each in zip(files, directories(files), strict=True)]
    patterns = {_pattern(name) for name in known if any(map(str.isdigit, name))}
    places = [_place(each, known, patterns) for each in parts]
    (usual, _), *_ = Counter(filter(None, places)).most_common(1) or [(0, 0)]
    people = []
    for each, place in zip(parts, places, strict=True):
        index = place or usual
        name = each[index] if index and len(each) >= -index else ""
        people.append(known.get(name, name))
    return people


def count_label_conflicts(
    same: NDArray[np.bool_], first: Ints, second: Ints, people: Sequence[str]
) -> int:
    """Counts trials whose label contradicts the people of their files.

    Args:
      same: bool [trials], whether both files are listed as of one person.
      first, second: int [trials], indices into `people`.
      people: of `find_people`; trials of a file without a person are not counted.
    """
    names = np.array(people)
    one, other = names[first], names[second]
    return int((((one == other) != same) & (one != "") & (other != "")).sum())


def _candidates(file: str, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the parts of a path that may name a person."""
    person, dash, _ = PurePosixPath(file).name.partition("-")
    return (*folders, person) if dash else folders


def _place(parts: tuple[str, ...], known: Mapping[str, str], patterns: set[str]) -> int | None:
    """Returns the index from the end of the part that names a person."""
    for index, part in enumerate(parts, -len(parts)):
        if part in known:
            return index
    for index, part in enumerate(parts, -len(parts)):
        if _pattern(part) in patterns:
            return index
    return None


def _pattern(name: str) -> str:
    return re.sub(r"\d", "0", name)
