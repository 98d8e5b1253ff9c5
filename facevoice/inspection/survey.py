"""Surveys all examples of a dataset: histograms of each split, and anomalies."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facevoice.features.faces import MIN_CONTRAST
from facevoice.inspection.duplicates import MAX_SHOWN, Duplicates, digest, find_duplicates
from facevoice.inspection.examples import StoredExample
from facevoice.inspection.histogram import Histogram
from tfdata.manifest import Manifest
from tfdata.schema import SPLITS

# Of 1,000 real and synthetic face images the mean luminance is 17 to 217, and each spectrogram has
# at most 41% of its values at the floor. A build rejects blank and silent media, but not media
# that nearly are.
MIN_LUMINANCE, MAX_LUMINANCE = 12, 243
MAX_SHARE_AT_FLOOR = 0.95

BLANK = f"blank (standard deviation of the luminance below {MIN_CONTRAST:g} of 255)"
DARK = f"nearly black (mean luminance below {MIN_LUMINANCE} of 255)"
BRIGHT = f"nearly white (mean luminance above {MAX_LUMINANCE} of 255)"
FLAT = f"flat (standard deviation below {MIN_CONTRAST:g} of 255)"
SILENT = f"nearly silent (more than {MAX_SHARE_AT_FLOOR:.0%} at the floor)"
_LUMINANCE_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue

Position = tuple[str, int]  # split and index


@dataclass
class Faulty:
    """Number of examples with one fault, and (place, key) of the first of them."""

    count: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class DuplicateMedia:
    """Duplicates of one medium, 'face' or 'voice', with (duplicate, original) of the first."""

    medium: str
    duplicates: Duplicates
    shown: list[tuple[Position, Position]]


class Survey:
    """Accumulates the examples of all splits, in stored order.

    Attributes:
      faces: histogram of the face images of each split that is not empty.
      voices: histogram of the spectrograms of each split that is not empty.
      faulty: examples by (medium, fault).
    """

    def __init__(self, manifest: Manifest) -> None:
        self.faces: dict[str, Histogram] = {}
        self.voices: dict[str, Histogram] = {}
        self.faulty: dict[tuple[str, str], Faulty] = {}
        self._labels = {name: person.label for name, person in manifest.people.items()}
        self._digests = {"face": bytearray(), "voice": bytearray()}
        self._splits = bytearray()
        self._indices = array("q")
        self._people = array("q")

    def add(self, example: StoredExample) -> None:
        """Adds the next example."""
        split = example.split
        voice = Histogram.of(example.spectrogram)
        self.faces[split] = self.faces.get(split, Histogram()) + Histogram.of(example.image)
        self.voices[split] = self.voices.get(split, Histogram()) + voice
        for medium, fault in [
            *(("face", fault) for fault in face_faults(example.image)),
            *(("voice", fault) for fault in voice_faults(voice)),
        ]:
            faulty = self.faulty.setdefault((medium, fault), Faulty())
            faulty.count += 1
            if len(faulty.shown) < MAX_SHOWN:
                faulty.shown.append((example.place, example.key))
        self._digests["face"] += digest(example.image)
        self._digests["voice"] += digest(example.spectrogram)
        self._splits.append(SPLITS.index(split))
        self._indices.append(example.index)
        self._people.append(self._labels.get(example.identity, -1))

    def duplicates(self) -> list[DuplicateMedia]:
        """Finds equal face images and equal spectrograms among the examples."""
        splits, people = np.frombuffer(self._splits, np.uint8), np.array(self._people, np.intp)
        return [
            DuplicateMedia(
                medium,
                found,
                [(self._position(one), self._position(other)) for one, other in found.shown],
            )
            for medium, digests in self._digests.items()
            for found in find_duplicates(bytes(digests), splits, people)
        ]

    def _position(self, number: int) -> Position:
        return SPLITS[self._splits[number]], self._indices[number]


def face_faults(image: NDArray[np.uint8]) -> list[str]:
    """Returns the faults of a face image, uint8 [height, width, 3]."""
    luminance = image @ _LUMINANCE_WEIGHTS
    mean = float(luminance.mean())
    if mean < MIN_LUMINANCE or mean > MAX_LUMINANCE:
        return [DARK if mean < MIN_LUMINANCE else BRIGHT]
    return [BLANK] if float(luminance.std()) < MIN_CONTRAST else []


def voice_faults(histogram: Histogram) -> list[str]:
    """Returns the faults of a spectrogram from its histogram."""
    if histogram.share(0) > MAX_SHARE_AT_FLOOR:
        return [SILENT]
    return [FLAT] if histogram.std < MIN_CONTRAST else []
