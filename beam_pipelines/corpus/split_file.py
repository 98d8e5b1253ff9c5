"""Reads a split file such as VoxCeleb's `iden_split.txt`.

It has one line per utterance, `<1|2|3> <id>/<video>/<number>.wav`: 1 is train, 2 validation and 3
test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.tables import MAX_SHOWN, read_lines
from beam_pipelines.errors import BuildError
from tfdata.schema import SPLITS
from tfdata.storage.base import Place
from tfdata.text import nearest, spelling


def apply_split_file(people: Iterable[Person], path: Place) -> list[Person]:
    """Returns the people that a split file lists, with the splits of their utterances.

    Raises:
      BuildError: the file cannot be read, has an invalid line, lists none of the people, or lists
        one of them in another spelling.
    """
    listed = read_split_file(path)
    everyone = list(people)
    people_of = {name: person for person in everyone for name in person.sound_folders}
    found = []
    for person in everyone:
        if names := sorted(person.sound_folders & listed.keys()):
            utterances = {path: split for name in names for path, split in listed[name].items()}
            found.append(replace(person, utterances=utterances))
    unknown = {spelling(name): name for name in sorted(listed.keys() - people_of.keys())}
    for name in sorted(people_of.keys() - listed.keys()):
        if (misspelt := unknown.get(spelling(name))) is not None:
            raise BuildError(
                f"--split_file {path} lists {misspelt!r}, not found in this corpus; did you mean "
                f"{name}? Its paths must begin with the names of the audio directories."
            )
    if not found:
        first = min(listed, default="nobody")
        near = nearest(first, people_of)
        raise BuildError(
            f"--split_file {path} lists no utterance of this corpus: its paths begin with "
            f"{first!r} and the like, but must begin with the names of the audio directories, such "
            f"as {near or min(people_of)!r}."
        )
    return found


def read_split_file(path: Place) -> dict[str, dict[str, str]]:
    """Reads a split file.

    Suffixes are ignored, because the same utterances are distributed as .wav, .m4a and .flac.

    Returns:
      audio directory to (path below it, without suffix) to split; names are in NFC.

    Raises:
      BuildError: the file cannot be read, has an invalid line, or puts an utterance into two
        splits.
    """
    listed: dict[str, dict[str, str]] = defaultdict(dict)
    for line in read_lines(path, f"--split_file {path}"):
        digit, *rest = line.text.split(maxsplit=1)
        utterance = "".join(rest).strip()
        folder, *below = PurePosixPath(utterance).parts or ("",)
        if digit not in ("1", "2", "3") or not below:
            raise BuildError(
                f"--split_file {path} has {line.text[:MAX_SHOWN]!r} in line {line.number}; a line "
                f"has 1, 2 or 3 (train, validation, test), a space, and a path such as "
                f"id10003/na8-QEFmj44/00003.wav."
            )
        split = SPLITS[int(digit) - 1]
        key = PurePosixPath(*below).with_suffix("").as_posix()
        if listed[folder].setdefault(key, split) != split:
            raise BuildError(
                f"--split_file {path} puts {utterance} into two splits (line {line.number}); "
                f"keep one of the lines."
            )
    return dict(listed)
