"""Encodes a gallery as two files, and decodes and checks them.

    gallery.json               who is enrolled, from which media, when, and by which encoders
    embeddings-<digest>.npz    float32 [samples, dimension] by modality, `image` and `audio`, in the
                               order of the samples in gallery.json; NumPy's format, uncompressed

The name of the second file is made from its SHA-256. The content is not trusted: sizes, types,
digests and names are checked, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.gallery.gallery import MODALITIES, Gallery, Sample, Samples, check_name
from tfdata.fields import from_fields
from tfdata.storage.files import parse_json
from tfdata.text import quoted

FORMAT, FORMAT_VERSION = "facevoice-gallery", 1
INDEX_NAME = "gallery.json"
EMBEDDINGS_NAME = re.compile(r"embeddings-[0-9a-f]{16}\.npz")
_SAMPLE_KEYS = {each.name for each in fields(Sample)}
_DIGEST_TYPES = (str, type(None))


@dataclass(frozen=True)
class EmbeddingsFile:
    """Name and digest of the file of embeddings."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Index:
    """The content of gallery.json; people are sorted by name."""

    format: str
    format_version: int
    embeddings: EmbeddingsFile
    encoders: Mapping[str, EncoderInfo]
    people: Mapping[str, Mapping[str, tuple[Sample, ...]]] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()


def encode(gallery: Gallery) -> tuple[Index, bytes]:
    """Returns the content of gallery.json, and that of the file of embeddings."""
    samples = {modality: gallery.samples[modality] for modality in sorted(gallery.samples)}
    buffer = io.BytesIO()
    np.savez(
        buffer, **{modality: each.embeddings.astype("<f4") for modality, each in samples.items()}
    )
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    people: dict[str, dict[str, list[Sample]]] = {name: {} for name in gallery.people}
    for modality, each in samples.items():
        for name, source in zip(each.names, each.sources, strict=True):
            people[name].setdefault(modality, []).append(source)
    index = Index(
        FORMAT,
        FORMAT_VERSION,
        EmbeddingsFile(f"embeddings-{sha256[:16]}.npz", sha256),
        {modality: each.encoder for modality, each in samples.items()},
        {person: {m: tuple(found) for m, found in each.items()} for person, each in people.items()},
    )
    return index, content


def parse_index(content: bytes) -> Index:
    """Returns the content of gallery.json.

    Raises:
      TypeError, ValueError: it is not the index of a gallery.
    """
    values = parse_json(content)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise TypeError(f"its format is not {FORMAT}")
    if values.get("format_version") != FORMAT_VERSION:
        raise TypeError(
            f"its format_version is {quoted(values.get('format_version'))}, not {FORMAT_VERSION}"
        )
    people = _parse_people(values.pop("people", None))
    index = replace(from_fields(Index, values), people=people)
    _check_index(index)
    return index


def decode(index: Index, content: bytes) -> Gallery:
    """Returns the gallery of both files.

    Raises:
      ValueError, BadZipFile, NotImplementedError, RuntimeError: the embeddings are not those that
        the index says.
    """
    if hashlib.sha256(content).hexdigest() != index.embeddings.sha256:
        raise ValueError("it has another SHA-256 than gallery.json says")
    samples = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        expected = {f"{modality}.npy" for modality in index.encoders}
        if sorted(archive.namelist()) != sorted(expected):
            raise ValueError(f"it does not have {', '.join(sorted(expected)) or 'no members'}")
        for modality, encoder in index.encoders.items():
            rows = [
                (name, sample)
                for name, by_modality in index.people.items()
                for sample in by_modality.get(modality, ())
            ]
            if not rows:
                raise ValueError(f"nobody has samples of {modality}")
            shape = (len(rows), encoder.dimension)
            embeddings = _read_array(archive, f"{modality}.npy", shape)
            names, sources = zip(*rows, strict=True)
            samples[modality] = Samples(encoder, names, sources, embeddings)
    return Gallery(samples)


def _parse_people(values: Any) -> dict[str, dict[str, tuple[Sample, ...]]]:
    """Returns the people of an index; `from_fields` would take five times as long.

    Raises:
      TypeError: a value has another type.
    """
    if not isinstance(values, dict):
        raise TypeError("people is not an object")
    people = {}
    for name, by_modality in values.items():
        if not isinstance(by_modality, dict):
            raise TypeError(f"people.{name} is not an object")
        people[name] = {
            modality: _parse_samples(samples, name) for modality, samples in by_modality.items()
        }
    return people


def _parse_samples(values: Any, name: str) -> tuple[Sample, ...]:
    samples = []
    for value in values if isinstance(values, list) else [None]:
        if not isinstance(value, dict) or value.keys() != _SAMPLE_KEYS:
            raise TypeError(f"people.{name} has samples without {', '.join(sorted(_SAMPLE_KEYS))}")
        media, sha256, enrolled = value["media"], value["sha256"], value["enrolled"]
        if type(media) is not str or type(enrolled) is not str or type(sha256) not in _DIGEST_TYPES:
            raise TypeError(f"people.{name} has a sample whose values are not texts")
        samples.append(Sample(media, sha256, enrolled))
    return tuple(samples)


def _check_index(index: Index) -> None:
    """Checks what the types of the fields do not say.

    Raises:
      ValueError: a value is invalid.
    """
    if not EMBEDDINGS_NAME.fullmatch(index.embeddings.file):
        raise ValueError("embeddings.file is not the name of a file of embeddings")
    for modality, encoder in index.encoders.items():
        if modality not in MODALITIES or encoder.dimension < 1:
            raise ValueError(f"encoders.{modality} is not an encoder of {' or '.join(MODALITIES)}")
    if list(index.people) != sorted(index.people):
        raise ValueError("people are not sorted by name")
    for name, samples in index.people.items():
        try:
            is_normal = check_name(name) == name
        except ValueError as error:
            raise ValueError(f"the name {quoted(name)} {error}") from None
        if not is_normal:
            raise ValueError(f"the name {quoted(name)} is not in NFC")
        if not samples or not all(samples.values()) or samples.keys() - index.encoders.keys():
            raise ValueError(f"people.{name} has no samples, or samples without an encoder")


def _read_array(archive: zipfile.ZipFile, name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Reads normalised embeddings; memory is not allocated by what the file says of itself."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} has another version of NumPy's format")
        found = np.lib.format.read_array_header_1_0(file)
        if found != (shape, False, np.dtype("<f4")):
            raise ValueError(f"{name} is not float32 {list(shape)}")
        data = file.read()
    if len(data) != 4 * shape[0] * shape[1]:
        raise ValueError(f"{name} has another size than float32 {list(shape)}")
    embeddings = np.frombuffer(data, "<f4").reshape(shape)
    lengths = np.linalg.norm(embeddings, axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-3):  # also false for values that are not finite
        raise ValueError(f"{name} has rows whose length is not 1")
    return embeddings
