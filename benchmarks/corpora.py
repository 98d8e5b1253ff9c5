"""Corpora of any size, made of hard links to the files of the sample corpus.

Every image and clip is a separate file. The contents repeat, so they are read from the page cache.
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
class Corpus:
    """A corpus from which a build makes exactly `pairs` pairs, with each face and clip once."""

    faces: Path
    audio: Path
    pairs: int

    def as_arguments(self) -> dict[str, Any]:
        """Returns the corpus as part of a request to a competitor."""
        return {"faces": str(self.faces), "audio": str(self.audio), "pairs": self.pairs}


def make_corpus(pairs: int) -> Corpus:
    """Returns the corpus of PEOPLE people with `pairs` pairs in all; makes it if necessary.

    Raises:
      ValueError: `pairs` is not a multiple of PEOPLE.
    """
    if pairs % PEOPLE:
        raise ValueError(f"{pairs} pairs cannot be divided equally among {PEOPLE} people.")
    folder = HOME / "corpora" / f"{pairs}_pairs"
    if not folder.is_dir():
        sample = make_sample_corpus(ROOT / SAMPLE_CORPUS)
        staging = folder.with_suffix(".tmp")
        shutil.rmtree(staging, ignore_errors=True)
        _link(sample.faces, ".jpg", pairs, staging / "faces")
        _link(sample.audio, ".wav", pairs, staging / "wav")
        staging.rename(folder)
    return Corpus(folder / "faces", folder / "wav", pairs)


def _link(source: Path, suffix: str, files: int, target: Path) -> None:
    media = itertools.cycle(sorted(source.rglob(f"*{suffix}")))
    for person, item in itertools.product(range(PEOPLE), range(files // PEOPLE)):
        video = target / f"person{person:02d}" / f"video{item % VIDEOS}"
        video.mkdir(parents=True, exist_ok=True)
        os.link(next(media), video / f"{item:05d}{suffix}")
