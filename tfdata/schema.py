"""The one definition of a record and of the manifest, for writers and readers alike.

A data set is a folder: shards of TFRecords, and `dataset.json`, the manifest, which says all that
is needed to read them. A folder without a manifest is not a data set. Changing what is defined
here in a way that an older reader would misread means raising FORMAT_VERSION.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfdata.errors import DatasetError
from tfdata.fields import from_fields
from tfdata.storage.addresses import check_address
from tfdata.storage.base import StorageError, is_address
from tfdata.storage.factory import storage_at
from tfdata.storage.files import parse_json
from tfdata.tfrecord import encode_example

FORMAT = "facevoice-dataset"
FORMAT_VERSION = 1
MANIFEST_NAME = "dataset.json"
SPLITS = ("train", "validation", "test")

# Names of a record's features. The two arrays are raw bytes, row-major; the rest are UTF-8.
IMAGE = "image"  # uint8 [height, width, 3], RGB
SPECTROGRAM = "spectrogram"  # uint8 [bands, frames], row 0 the lowest band
IDENTITY = "identity"  # the person; the manifest maps it to a label
SESSION = "session"  # the voice's video, and nearly always the face's (see `face_source`)
KEY = "key"  # unique in the data set
FACE_SOURCE = "face_source"  # path below the faces' folder
AUDIO_SOURCE = "audio_source"  # path below the audio folder
WINDOW_START = "window_start_samples"  # int64, at the settings' sample_rate_hz


def encode_record(
    image: NDArray[np.uint8],
    spectrogram: NDArray[np.uint8],
    *,
    identity: str,
    session: str,
    key: str,
    face_source: str,
    audio_source: str,
    window_start_samples: int,
) -> bytes:
    """One example as the bytes of a `tf.train.Example`."""
    return encode_example(
        {
            IMAGE: image.tobytes(),
            SPECTROGRAM: spectrogram.tobytes(),
            IDENTITY: identity.encode(),
            SESSION: session.encode(),
            KEY: key.encode(),
            FACE_SOURCE: face_source.encode(),
            AUDIO_SOURCE: audio_source.encode(),
            WINDOW_START: window_start_samples,
        }
    )


@dataclass(frozen=True)
class Shard:
    """One TFRecord file."""

    file: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """One of SPLITS: its shards, and which videos of whom it holds."""

    pairs: int
    sessions: Mapping[str, list[str]]
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Person:
    """One identity: its class number, what the meta file says, and its pairs by split.

    `missing` pairs are those that broken media cost and no spare could replace.
    """

    label: int
    meta: Mapping[str, str]
    pairs: Mapping[str, int]
    missing: int


@dataclass(frozen=True)
class Corpus:
    """What the people of a data set had on disk; `audio_seconds` is the length of all clips."""

    videos: int
    faces: int
    clips: int
    audio_seconds: float


@dataclass(frozen=True)
class Leak:
    """Of the pairs of a split, how many training gives away (see docs/data-set.md)."""

    pairs: int
    same_video: int
    same_audio: int

    def __add__(self, other: Leak) -> Leak:
        return Leak(
            self.pairs + other.pairs,
            self.same_video + other.same_video,
            self.same_audio + other.same_audio,
        )


@dataclass(frozen=True)
class Manifest:
    """What `dataset.json` says.

    Attributes:
      features: every preprocessing setting (see `features.FeatureSettings`).
      plan: every setting of selection and split, but for the names of those left out.
      image_shape: (height, width, 3).
      spectrogram_shape: (bands, frames).
      people: identity to Person, in the order of the labels.
      splits: name to Split, for each of SPLITS.
      without_pairs: of people of whom every planned pair is missing, how many that are.
      corpus: what the people had on disk.
      leakage: split to Leak, for validation and test.
      rejects: reason to number of media files that could not be used.
      software: name to version of what decided the bytes.
    """

    features: Mapping[str, Any]
    plan: Mapping[str, Any]
    image_shape: tuple[int, int, int]
    spectrogram_shape: tuple[int, int]
    people: Mapping[str, Person]
    splits: Mapping[str, Split]
    without_pairs: Mapping[str, int]
    corpus: Corpus
    leakage: Mapping[str, Leak]
    rejects: Mapping[str, int]
    software: Mapping[str, str]

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Those of all splits."""
        return tuple(shard for split in self.splits.values() for shard in split.shards)

    def to_json(self) -> str:
        """The manifest's text: the same for the same data set, whenever and wherever built."""
        head = {"format": FORMAT, "format_version": FORMAT_VERSION, "record": self._record()}
        return json.dumps(head | asdict(self), indent=1, ensure_ascii=False) + "\n"

    def _record(self) -> dict[str, Any]:
        """The layout of a record, in words that need no other source."""

        def array(*shape: int) -> dict[str, Any]:
            return {"dtype": "uint8", "shape": list(shape), "encoding": "raw bytes, row-major"}

        text = {"dtype": "string", "encoding": "UTF-8"}
        return {
            "container": "TFRecord of tf.train.Example",
            "features": {
                IMAGE: array(*self.image_shape) | {"channels": "RGB"},
                SPECTROGRAM: array(*self.spectrogram_shape)
                | {
                    "rows": "bands, lowest first",
                    "columns": "instants, evenly spaced from the window's start to its end",
                    "level_db": "floor_db * (1 - value / 255), relative to the window's maximum",
                },
                **dict.fromkeys((IDENTITY, SESSION, KEY, FACE_SOURCE, AUDIO_SOURCE), text),
                WINDOW_START: {"dtype": "int64", "unit": "samples at features.sample_rate_hz"},
            },
        }


def is_manifest(content: bytes) -> bool:
    """Whether this is the manifest of a data set, of whatever format version."""
    try:
        fields = parse_json(content)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("format") == FORMAT


def load_manifest(data_dir: str | Path, *, check_shards: bool = True) -> Manifest:
    """Reads and checks the manifest of a data set, and that its shards are there and whole.

    Only names and byte sizes of shards are checked, which takes milliseconds; of damaged data
    sets, `check_shards=False` reads the manifest alone.

    Raises:
      DatasetError: no folder, no manifest, not a manifest, another format version, a shard that
        is missing, not a regular file or of another size, or an address with credentials.
    """
    try:
        check_address(data_dir)
    except ValueError as error:
        raise DatasetError(f"The address {error}.") from None
    folder = data_dir if is_address(data_dir) else Path(data_dir)
    path = f"{folder}/{MANIFEST_NAME}"
    text = _manifest_text(folder)
    try:
        fields = parse_json(text)
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read ({error}); build the data set again.") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise DatasetError(f"{path} is not the manifest of a FaceVoice data set.")
    if fields.get("format_version") != FORMAT_VERSION:
        raise DatasetError(
            f"{path} has format version {fields.get('format_version')} and this software reads "
            f"version {FORMAT_VERSION}; build the data set again, or install the version of "
            f"FaceVoice that made it."
        )
    try:
        manifest = _parse(fields)
    except ValueError as error:
        raise DatasetError(f"{path} is damaged ({error}); build the data set again.") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is damaged (a field is missing or of another kind: {error}); build the data "
            f"set again."
        ) from None
    if check_shards:
        check_shard_sizes(folder, manifest)
    return manifest


def check_shard_sizes(data_dir: str | Path, manifest: Manifest) -> None:
    """Checks that the shards of a manifest are there and have its sizes, in milliseconds.

    Raises:
      DatasetError: a shard is missing, and why if the data set was rebuilt; or of another size.
    """
    from tfdata.rebuilds import missing_shard  # as does this

    folder = data_dir if is_address(data_dir) else Path(data_dir)
    names = [shard.file for shard in manifest.shards]
    try:
        found = storage_at(folder).sizes(names)
    except StorageError as error:
        raise _unreadable(folder, error.url, error.reason) from None
    for shard in manifest.shards:
        if shard.file not in found:
            raise missing_shard(folder, manifest, shard.file)
        _check_shard(f"{folder}/{shard.file}", shard, found[shard.file])


def _manifest_text(folder: str | Path) -> str:
    """Returns the text of a manifest."""
    path = f"{folder}/{MANIFEST_NAME}"
    try:
        return storage_at(folder).read(MANIFEST_NAME).decode()
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(folder, str):
            raise DatasetError(
                f"{folder} holds no {MANIFEST_NAME} ({error.strerror}); check the address, or "
                f"build a data set with 'python -m beam_pipelines.build --output {folder}'."
            ) from None
        found = "is not a folder" if folder.exists() else "does not exist"
        if folder.is_dir():
            found = f"holds no {MANIFEST_NAME}, so is no finished data set"
        raise DatasetError(
            f"{folder} {found}; build a data set with 'python -m beam_pipelines.build --output "
            f"DIR'."
        ) from None
    except UnicodeDecodeError as error:
        raise _unreadable(folder, path, str(error)) from None
    except OSError as error:
        raise _unreadable(folder, path, error.strerror or str(error)) from None


def _unreadable(folder: str | Path, path: str, reason: str) -> DatasetError:
    """Returns the error for a file of a dataset that is there and cannot be read."""
    if isinstance(folder, str):
        return DatasetError(f"{folder} cannot be read: {reason}.")
    return DatasetError(
        f"{path} cannot be read ({reason}); copy the data set again, or build it again."
    )


def _parse(fields: Mapping[str, Any]) -> Manifest:
    """Returns a manifest whose fields have the types that they are declared with."""
    for split in fields["splits"].values():
        for identity, videos in split["sessions"].items():
            if not isinstance(videos, list):
                raise TypeError(f"the videos of {identity!r} are no list")
    splits = {
        name: from_fields(
            Split,
            {
                "pairs": split["pairs"],
                "sessions": split["sessions"],
                "shards": tuple(from_fields(Shard, shard) for shard in split["shards"]),
            },
        )
        for name, split in fields["splits"].items()
    }
    for split in splits.values():
        for shard in split.shards:
            name = shard.file
            if Path(name).name != name or name in ("", "..") or "\0" in name:
                raise ValueError(f"{name!r} is no file name")
    height, width, channels = fields["image_shape"]
    bands, frames = fields["spectrogram_shape"]
    people = {name: from_fields(Person, person) for name, person in fields["people"].items()}
    leakage = {name: from_fields(Leak, leak) for name, leak in fields["leakage"].items()}
    parsed = {
        "image_shape": (height, width, channels),
        "spectrogram_shape": (bands, frames),
        "people": people,
        "splits": {name: splits[name] for name in SPLITS},
        "corpus": from_fields(Corpus, fields["corpus"]),
        "leakage": leakage,
    }
    as_they_are = ("features", "plan", "without_pairs", "rejects", "software")
    manifest = from_fields(Manifest, parsed | {name: fields[name] for name in as_they_are})
    if min(*manifest.image_shape, *manifest.spectrogram_shape) < 1:
        raise ValueError("a shape has no size")
    return manifest


def _check_shard(path: str, shard: Shard, found_bytes: int) -> None:
    if found_bytes != shard.bytes:
        raise DatasetError(
            f"The shard {path} has {found_bytes} bytes where the manifest says {shard.bytes}; "
            f"copy the data set again, or build it again."
        )
