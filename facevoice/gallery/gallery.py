"""Defines a gallery: people, and the embeddings of their face images and clips.

A gallery is immutable; enrolling and forgetting return a new one. `facevoice.gallery.store` reads
and writes it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.recorded import check_equal
from tfdata.errors import FaceVoiceError
from tfdata.text import nearest, nfc

IMAGE, AUDIO = "image", "audio"  # as in EncoderInfo.modality
MODALITIES = (IMAGE, AUDIO)
FLAGS = {IMAGE: "--face", AUDIO: "--audio"}
GALLERY = "The gallery"  # in messages about its encoders
MAX_NAME = 200  # characters


class GalleryError(FaceVoiceError):
    """Raised for a gallery that cannot be read, changed or searched."""


@dataclass(frozen=True)
class Sample:
    """Where an embedding comes from.

    Attributes:
      media: path of the media file when it was enrolled.
      sha256: of the media file; None for a sample of a dataset, which does not hold the file.
      enrolled: date and time in UTC, such as 2025-01-31T12:00:00Z.
    """

    media: str
    sha256: str | None
    enrolled: str


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of one modality, one row each, sorted by name.

    Attributes:
      encoder: the encoder of the embeddings.
      names: the person of each row.
      sources: where each row comes from.
      embeddings: float32 [rows, dimension], L2-normalised.
    """

    encoder: EncoderInfo
    names: tuple[str, ...]
    sources: tuple[Sample, ...]
    embeddings: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.names)

    def where(self, keep: Sequence[bool]) -> Samples:
        """Returns the rows at which `keep` is True."""
        rows = np.flatnonzero(keep)
        return Samples(
            self.encoder,
            tuple(self.names[row] for row in rows),
            tuple(self.sources[row] for row in rows),
            self.embeddings[rows],
        )

    def joined(self, other: Samples) -> Samples:
        """Returns the rows of both; equal names are together, in the order of enrolment.

        Raises:
          EncoderError: the encoders differ.
        """
        check_equal(self.encoder, other.encoder, GALLERY)
        names = (*self.names, *other.names)
        sources = (*self.sources, *other.sources)
        embeddings = np.concatenate([self.embeddings, other.embeddings])
        order = sorted(range(len(names)), key=lambda row: names[row])  # stable
        return Samples(
            self.encoder,
            tuple(names[row] for row in order),
            tuple(sources[row] for row in order),
            embeddings[order],
        )


@dataclass(frozen=True, eq=False)
class Gallery:
    """Enrolled people.

    Attributes:
      samples: modality to samples; a modality without samples is missing.
    """

    samples: Mapping[str, Samples] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def people(self) -> dict[str, dict[str, int]]:
        """Returns the number of samples by modality of each person, sorted by name."""
        counts = {modality: Counter(each.names) for modality, each in self.samples.items()}
        names = sorted(set().union(*counts.values()))
        return {
            name: {modality: count[name] for modality, count in counts.items() if name in count}
            for name in names
        }

    def enroll(self, new: Mapping[str, Samples]) -> Gallery:
        """Returns a gallery with more samples, without those whose media the person has already.

        Raises:
          EncoderError: an encoder is not that of the gallery.
        """
        samples = dict(self.samples)
        for modality, added in new.items():
            if modality in samples:
                added = added.where(self.is_new(modality, added))
                samples[modality] = samples[modality].joined(added)
            elif len(added):
                samples[modality] = added.where([True] * len(added)).joined(added.where([]))
        return Gallery(samples)

    def is_new(self, modality: str, added: Samples) -> list[bool]:
        """Returns for each new sample whether its person does not have the same medium already."""
        known = self.samples.get(modality)
        seen = set(zip(known.names, map(_medium, known.sources), strict=True)) if known else set()
        found = []
        for key in zip(added.names, map(_medium, added.sources), strict=True):
            found.append(key not in seen)
            seen.add(key)
        return found

    def forget(self, name: str) -> Gallery:
        """Returns a gallery without a person.

        Raises:
          GalleryError: there is no such person.
        """
        if name not in self.people:
            near = nearest(name, self.people)
            hint = f"did you mean {near}?" if near else "'facevoice gallery DIR' lists the people."
            raise GalleryError(f"The gallery has no person {name!r}; {hint}")
        kept = {
            modality: each.where([other != name for other in each.names])
            for modality, each in self.samples.items()
        }
        return Gallery({modality: each for modality, each in kept.items() if len(each)})


def check_name(name: str) -> str:
    """Returns the name of a person in NFC.

    Raises:
      ValueError: it cannot be a name; a clause for an error message.
    """
    name = nfc(name)
    if not name or name != name.strip():
        raise ValueError("is empty, or begins or ends with a space")
    if len(name) > MAX_NAME:
        raise ValueError(f"has {len(name)} characters; use at most {MAX_NAME}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError("has a control character or a line break")
    return name


def _medium(source: Sample) -> str:
    return source.sha256 or source.media
