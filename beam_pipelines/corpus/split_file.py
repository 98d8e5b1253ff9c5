"""Reads a split file such as VoxCeleb's `iden_split.txt`.

It has one line per utterance, `<1|2|3> <id>/<video>/<number>.wav`: 1 is train, 2 validation and 3
test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from beam_pipelines.corpus.people import Person, read_error
from beam_pipelines.errors import BuildError
from tfdata.schema import SPLITS


def apply_split_file(people: Iterable[Person], path: Path) -> list[Person]:
    """Returns the people that a split file lists, with the splits of their utterances.

    Raises:
      BuildError: the file cannot be read, has an invalid line, or lists none of the people.
    """
    listed = read_split_file(path)
    people = list(people)
    found = [
        replace(person, utterances=listed[person.audio_folder])
        for person in people
        if person.audio_folder in listed
    ]
    if not found:
        raise BuildError(
            f"--split_file {path} lists no utterance of this corpus: its paths begin with "
            f"{min(listed, default='nobody')!r} and the like, but must begin with the names of the "
            f"audio directories, such as {people[0].audio_folder!r}."
        )
    return found


def read_split_file(path: Path) -> dict[str, dict[str, str]]:
    """Reads a split file.

    Suffixes are ignored, because the same utterances are distributed as .wav, .m4a and .flac.

    Returns:
      audio directory to (path below it, without suffix) to split.

    Raises:
      BuildError: the file cannot be read, has an invalid line, or puts an utterance into two
        splits.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"--split_file {path} cannot be read: {read_error(error)}.") from None
    listed: dict[str, dict[str, str]] = defaultdict(dict)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        digit, *rest = line.split(maxsplit=1)
        utterance = "".join(rest).strip()
        folder, *below = PurePosixPath(utterance).parts or ("",)
        if digit not in ("1", "2", "3") or not below:
            raise BuildError(
                f"--split_file {path} has {line[:80]!r} in line {number}; a line has 1, 2 or 3 "
                f"(train, validation, test), a space, and a path such as "
                f"id10003/na8-QEFmj44/00003.wav."
            )
        split = SPLITS[int(digit) - 1]
        key = PurePosixPath(*below).with_suffix("").as_posix()
        if listed[folder].setdefault(key, split) != split:
            raise BuildError(
                f"--split_file {path} puts {utterance} into two splits (line {number}); "
                f"keep one of the lines."
            )
    return dict(listed)
