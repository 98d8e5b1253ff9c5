"""Whether what lies in a folder is what its manifest says: the manifest itself, shards, records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.schema import (
    AUDIO_SOURCE,
    FACE_SOURCE,
    IDENTITY,
    IMAGE,
    KEY,
    MANIFEST_NAME,
    SESSION,
    SPECTROGRAM,
    WINDOW_START,
    Manifest,
)
from tfdata.tfrecord import decode_example

_TEXTS = (IDENTITY, SESSION, KEY, FACE_SOURCE, AUDIO_SOURCE)


def check_manifest(data_dir: Path, manifest: Manifest) -> None:
    """Makes sure that what a manifest says of records and their number goes together.

    Raises:
      DatasetError: what does not.
    """
    try:
        fault = _contradiction(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = f"a field is missing or of another kind: {error!r}"
    if fault:
        raise DatasetError(
            f"{data_dir / MANIFEST_NAME} is damaged ({fault}); copy the data set again, or build "
            f"it again."
        )


def _contradiction(manifest: Manifest) -> str | None:
    """What of a manifest contradicts itself, if anything; errors as they come."""
    if min(*manifest.image_shape, *manifest.spectrogram_shape) < 1:
        return "a shape has no size"
    labels = [person.label for person in manifest.people.values()]
    if labels != list(range(len(labels))):
        return "the people's labels do not count from 0"
    files = [shard.file for shard in manifest.shards]
    if len(set(files)) < len(files):
        return "two shards have one name"
    for name in files:
        if Path(name).name != name:
            return f"{name!r} is no file name"
    for name, split in manifest.splits.items():
        for identity, videos in split.sessions.items():
            if identity not in manifest.people:
                return f"nobody is called {identity!r}"
            if not isinstance(videos, list):
                raise TypeError(f"the videos of {identity!r} are no list")
        of_shards = sum(shard.records for shard in split.shards)
        of_people = sum(person.pairs[name] for person in manifest.people.values())
        if not split.pairs == of_shards == of_people:
            return (
                f"its {name} split has {split.pairs} pairs, its shards {of_shards} and its people "
                f"{of_people}"
            )
    return None


class RecordCheck:
    """Checks the records of one split, one after the other, and counts them.

    Of the keys, 8-byte hashes are kept: of a million keys, two share one in 1 of 37 million cases.

    Attributes:
      pairs: identity to number of undamaged records.
    """

    def __init__(self, manifest: Manifest, split: str, seen: set[int] | None = None) -> None:
        """Args: the manifest; the split's name; hashes of keys that were seen before, to add to."""
        self.pairs: Counter[str] = Counter()
        self._split = split
        self._shapes: dict[str, tuple[int, ...]] = {
            IMAGE: manifest.image_shape,
            SPECTROGRAM: manifest.spectrogram_shape,
        }
        self._people = manifest.people.keys()
        sessions = manifest.splits[split].sessions
        self._sessions = {identity: set(videos) for identity, videos in sessions.items()}
        self._seen = set() if seen is None else seen

    def __call__(self, data: bytes) -> None:
        """Takes the data of the next record.

        Raises:
          ValueError: what is wrong with it, half a sentence.
        """
        record = decode_example(data)
        for name, shape in self._shapes.items():
            found = len(_bytes(record, name))
            if found != math.prod(shape):
                raise ValueError(
                    f"its {name} has {found} bytes where the shape {list(shape)} has "
                    f"{math.prod(shape)}"
                )
        texts = {name: _bytes(record, name).decode() for name in _TEXTS}
        start = record.get(WINDOW_START)
        if not isinstance(start, int) or start < 0:
            raise ValueError(f"its {WINDOW_START} is no number of samples")
        identity, session = texts[IDENTITY], texts[SESSION]
        if identity not in self._people:
            raise ValueError(f"its identity {identity!r} is none of the manifest's people")
        if session not in self._sessions.get(identity, ()):
            raise ValueError(
                f"its session {session!r} is none that {identity} has in the {self._split} split"
            )
        key = int.from_bytes(blake2b(texts[KEY].encode(), digest_size=8).digest())
        if key in self._seen:
            raise ValueError(f"its key {texts[KEY]!r} is that of an earlier record")
        self._seen.add(key)
        self.pairs[identity] += 1


def _bytes(record: Mapping[str, bytes | int], name: str) -> bytes:
    value = record.get(name)
    if not isinstance(value, bytes):
        raise ValueError(f"it has no {name}")
    return value
