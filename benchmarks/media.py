"""Corpora of any size: the media of the sample corpus, hard-linked under new names.

Every image and every clip is there, and is read, as a file of its own; the bytes repeat, so they
come from the page cache.
"""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import HOME

from facevoice.sample_corpus import make_sample_corpus
from tfdata.command_line import SAMPLE_CORPUS

PEOPLE, VIDEOS = 40, 10
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Media:
    """A corpus of which a build makes exactly `pairs` pairs: all faces, and all clips, once."""

    faces: Path
    audio: Path
    pairs: int

    def asked(self) -> dict[str, Any]:
        """As part of a question to a contestant."""
        return {"faces": str(self.faces), "audio": str(self.audio), "pairs": self.pairs}


def media_of(pairs: int) -> Media:
    """The corpus of PEOPLE people with that many pairs in all, made if it is not there.

    Raises:
      ValueError: the number is no multiple of PEOPLE.
    """
    if pairs % PEOPLE:
        raise ValueError(f"{pairs} pairs cannot be shared among {PEOPLE} people.")
    folder = HOME / "corpora" / f"{pairs}_pairs"
    if not folder.is_dir():
        sample = make_sample_corpus(ROOT / SAMPLE_CORPUS)
        half_made = folder.with_suffix(".tmp")
        shutil.rmtree(half_made, ignore_errors=True)
        _link(sample.faces, ".jpg", pairs, half_made / "faces")
        _link(sample.audio, ".wav", pairs, half_made / "wav")
        half_made.rename(folder)
    return Media(folder / "faces", folder / "wav", pairs)


def _link(source: Path, suffix: str, files: int, target: Path) -> None:
    media = itertools.cycle(sorted(source.rglob(f"*{suffix}")))
    for person, item in itertools.product(range(PEOPLE), range(files // PEOPLE)):
        place = target / f"person{person:02d}" / f"video{item % VIDEOS}"
        place.mkdir(parents=True, exist_ok=True)
        os.link(next(media), place / f"{item:05d}{suffix}")
