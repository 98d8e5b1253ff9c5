"""One look at every example: the levels of each split, and what looks wrong."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facevoice.features.faces import MIN_CONTRAST
from facevoice.inspection.examples import StoredExample
from facevoice.inspection.levels import Levels
from facevoice.inspection.repeats import SHOWN, Repeat, digest, find_repeats
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS

# Of 1,000 real and drawn faces the mean luminance is 17 to 217, and each voice has at most 41 % at
# the floor. A build refuses what is blank or silent, but not what is nearly so.
DARKEST, LIGHTEST = 12, 243
MOST_AT_FLOOR = 0.95

BLANK = f"blank (luminance varies by less than {MIN_CONTRAST:g} of 255)"
DARK = f"nearly black (mean luminance below {DARKEST} of 255)"
LIGHT = f"nearly white (mean luminance above {LIGHTEST} of 255)"
FLAT = f"flat (levels vary by less than {MIN_CONTRAST:g} of 255)"
SILENT = f"nearly silent (more than {MOST_AT_FLOOR:.0%} at the floor)"
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue


@dataclass
class Odd:
    """How many look wrong in one way, and the first of them: (place, key)."""

    number: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Equal:
    """Arrays that are there once more, see `Repeat`; places as (split, index)."""

    medium: str
    repeat: Repeat
    shown: list[tuple[tuple[str, int], tuple[str, int]]]


class Survey:
    """Takes the examples of all splits, one after the other, in stored order.

    Attributes:
      faces, voices: split to levels, of the splits that are not empty.
      odd: (medium, fault) to the examples that have it.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.faces: dict[str, Levels] = {}
        self.voices: dict[str, Levels] = {}
        self.odd: dict[tuple[str, str], Odd] = {}
        self._labels = {name: person.label for name, person in manifest.people.items()}
        self._digests = {"face": bytearray(), "voice": bytearray()}
        self._splits = bytearray()
        self._indices = array("q")
        self._people = array("q")

    def add(self, example: StoredExample) -> None:
        split = example.split
        voice = Levels.of(example.spectrogram)
        self.faces[split] = self.faces.get(split, Levels()) + Levels.of(example.image)
        self.voices[split] = self.voices.get(split, Levels()) + voice
        for medium, fault in [
            *(("face", fault) for fault in face_faults(example.image)),
            *(("voice", fault) for fault in voice_faults(voice)),
        ]:
            odd = self.odd.setdefault((medium, fault), Odd())
            odd.number += 1
            if len(odd.shown) < SHOWN:
                odd.shown.append((example.place, example.key))
        self._digests["face"] += digest(example.image)
        self._digests["voice"] += digest(example.spectrogram)
        self._splits.append(SPLITS.index(split))
        self._indices.append(example.index)
        self._people.append(self._labels.get(example.identity, -1))

    def equals(self) -> list[Equal]:
        """What is there more than once."""
        splits, people = np.frombuffer(self._splits, np.uint8), np.array(self._people, np.intp)
        return [
            Equal(medium, repeat, [(self._at(a), self._at(b)) for a, b in repeat.shown])
            for medium, digests in self._digests.items()
            for repeat in find_repeats(bytes(digests), splits, people)
        ]

    def _at(self, place: int) -> tuple[str, int]:
        return SPLITS[self._splits[place]], self._indices[place]


def face_faults(image: NDArray[np.uint8]) -> list[str]:
    """What looks wrong with a face, uint8 [height, width, 3]."""
    luminance = image @ _LUMINANCE
    mean = float(luminance.mean())
    if mean < DARKEST or mean > LIGHTEST:
        return [DARK if mean < DARKEST else LIGHT]
    return [BLANK] if float(luminance.std()) < MIN_CONTRAST else []


def voice_faults(levels: Levels) -> list[str]:
    """What looks wrong with a spectrogram, from its levels."""
    if levels.share(0) > MOST_AT_FLOOR:
        return [SILENT]
    return [FLAT] if levels.std < MIN_CONTRAST else []
