"""A split that somebody else made: VoxCeleb's `iden_split.txt`, or a file like it.

One line an utterance, `<1|2|3> <id>/<video>/<number>.wav`: 1 train, 2 validation, 3 test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from beam_pipelines.corpus.people import Person, reason
from beam_pipelines.errors import BuildError
from tfdata.schema import SPLITS


def with_utterances(people: Iterable[Person], path: Path) -> list[Person]:
    """The people whom a split file names, each with the splits of their utterances.

    Raises:
      BuildError: the file cannot be read, has a line of another form, or names nobody of these.
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
            f"--split_file {path} lists utterances of {min(listed, default='nobody')!r} and such, "
            f"and none of this corpus, which has {people[0].audio_folder!r} and such; its paths "
            f"must begin with the names of the audio folders."
        )
    return found


def read_split_file(path: Path) -> dict[str, dict[str, str]]:
    """Reads a split file: audio folder to (path in it, without suffix) to split.

    The suffix does not count, as the same utterances are handed on as .wav, .m4a and .flac.

    Raises:
      BuildError: it cannot be read, has a line of another form, or gives an utterance two splits.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"--split_file {path} cannot be read: {reason(error)}.") from None
    listed: dict[str, dict[str, str]] = defaultdict(dict)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        digit, *rest = line.split(maxsplit=1)
        utterance = "".join(rest).strip()
        folder, *below = PurePosixPath(utterance).parts or ("",)
        if digit not in ("1", "2", "3") or not below:
            raise BuildError(
                f"--split_file {path} has {line[:80]!r} in line {number}; a line is 1, 2 or 3 "
                f"(train, validation, test), a blank, and a path such as "
                f"id10003/na8-QEFmj44/00003.wav."
            )
        split = SPLITS[int(digit) - 1]
        key = PurePosixPath(*below).with_suffix("").as_posix()
        if listed[folder].setdefault(key, split) != split:
            raise BuildError(
                f"--split_file {path} puts {utterance} into two splits (line {number}); "
                f"keep one line of it."
            )
    return dict(listed)
