"""What encoders were trained on, and how many people of a dataset they have seen by their ids.

Figures of people that an encoder has seen in its training are optimistic. VoxCeleb's ids tell who
was in which part (https://www.robots.ox.ac.uk/~vgg/data/voxceleb): id10001 to id11251 are
VoxCeleb1, of which id10270 to id10309, the names that begin with E, are its test part; id00012 to
id09272 are VoxCeleb2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tfdata.manifest import Manifest, Person

_ID = re.compile(r"id(\d{5})")
_SEEN, _PROBABLE, _UNSEEN, _UNKNOWN = "seen", "probable", "unseen", "unknown"


@dataclass(frozen=True)
class Exposure:
    """Number of people of a dataset that an encoder has seen in its training.

    Attributes:
      encoder: name of the encoder.
      modality: 'image' or 'audio'.
      trained_on: what the encoder was trained on; None if that is not known.
      people: number of people.
      seen, probable, unseen: number of people that were seen, probably seen, or not seen, by their
        ids; of the others, this is not known.
    """

    encoder: str
    modality: str
    trained_on: str | None
    people: int
    seen: int
    probable: int
    unseen: int


_TRAINED_ON = {
    "dlib_resnet": "VGG-Face, FaceScrub and pictures from the web",
    "ge2e": "LibriSpeech, the dev part of VoxCeleb1, and VoxCeleb2",
}


def exposures(manifest: Manifest, modalities: Iterable[str] | None = None) -> list[Exposure]:
    """Returns how many people of a dataset each of its encoders has seen.

    Args:
      manifest: of the dataset.
      modalities: of the encoders, 'image' and 'audio'; None for all.
    """
    wanted = manifest.encoders.keys() if modalities is None else set(modalities)
    ids = person_ids(manifest.people)
    return [
        exposure(encoder.name, modality, ids)
        for modality, encoder in manifest.encoders.items()
        if modality in wanted
    ]


def person_ids(people: Mapping[str, Person]) -> list[str]:
    """Returns the id of each person: that of the metadata file, or the identity."""
    return [person.meta.get("id", identity) for identity, person in people.items()]


def exposure(encoder: str, modality: str, ids: Iterable[str]) -> Exposure:
    """Returns how many people an encoder has seen.

    Args:
      encoder: name of the encoder.
      modality: 'image' or 'audio'.
      ids: of each person, such as id10270; others tell nothing.
    """
    counts = Counter(_status(encoder, each) for each in ids)
    return Exposure(
        encoder,
        modality,
        _TRAINED_ON.get(encoder),
        counts.total(),
        counts[_SEEN],
        counts[_PROBABLE],
        counts[_UNSEEN],
    )


def is_id(text: str) -> bool:
    """Returns whether a text has the form of VoxCeleb's ids."""
    return _ID.fullmatch(text) is not None


def _status(encoder: str, person: str) -> str:
    match = _ID.fullmatch(person)
    number = int(match[1]) if match else 0
    if encoder == "ge2e":
        if 10270 <= number <= 10309:
            return _UNSEEN
        return _SEEN if 10001 <= number <= 11251 or 12 <= number <= 9272 else _UNKNOWN
    if encoder == "dlib_resnet":  # VoxCeleb1's people were chosen from VGG-Face's names
        return _PROBABLE if 10001 <= number <= 11251 else _UNKNOWN
    return _UNKNOWN
