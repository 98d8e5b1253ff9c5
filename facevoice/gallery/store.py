"""Reads and writes galleries.

A gallery is a directory with two files of mode 0600:

    gallery.json               who is enrolled, from which media, when, and by which encoders
    embeddings-<digest>.npz    float32 [samples, dimension] by modality, `image` and `audio`, in the
                               order of the samples in gallery.json; NumPy's format, uncompressed

The name of the second file is made from its SHA-256. A change writes a new file of embeddings,
then replaces gallery.json atomically, then removes the old file. So a gallery is the old or the new
one at each moment, also if the program is killed; what such a program left is removed by the next
change.

The content of the directory is not trusted: only regular files are read, sizes, types, digests and
names are checked, and nothing is unpickled.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.gallery.gallery import MODALITIES, Gallery, GalleryError, Sample, Samples, check_name
from tfdata.fields import from_fields
from tfdata.storage.files import is_clutter, open_regular, parse_json, replace_file
from tfdata.text import printable, quoted

FORMAT, FORMAT_VERSION = "facevoice-gallery", 1
INDEX_NAME = "gallery.json"
LOCK_WAIT_SECONDS = 10.0
_MODE = 0o600
_SAMPLE_KEYS = {each.name for each in fields(Sample)}
_DIGEST_TYPES = (str, type(None))
_POLL_SECONDS = 0.05
_ATTEMPTS = 20  # to read a gallery that is being changed
_EMBEDDINGS_NAME = re.compile(r"embeddings-[0-9a-f]{16}\.npz")
_TEMPORARY_NAME = re.compile(rf"({INDEX_NAME}|{_EMBEDDINGS_NAME.pattern})\.[0-9a-f]{{32}}\.tmp")


@dataclass(frozen=True)
class _EmbeddingsFile:
    file: str
    sha256: str


@dataclass(frozen=True)
class _Index:
    """The content of gallery.json; people are sorted by name."""

    format: str
    format_version: int
    embeddings: _EmbeddingsFile
    encoders: Mapping[str, EncoderInfo]
    people: Mapping[str, Mapping[str, tuple[Sample, ...]]] = field(default_factory=dict)


def read_gallery(folder: Path) -> Gallery:
    """Reads a gallery.

    Raises:
      GalleryError: there is none, or it is damaged.
    """
    return _load(folder)[1]


def existing_gallery(folder: Path) -> Gallery:
    """Returns the gallery in a folder, which is empty if there is none.

    Raises:
      GalleryError: it is damaged.
    """
    return read_gallery(folder) if (folder / INDEX_NAME).exists() else Gallery()


def _load(folder: Path) -> tuple[_Index, Gallery]:
    """Returns the content of gallery.json, and the gallery."""
    for attempt in range(_ATTEMPTS):
        index = _read_index(folder)
        try:
            with open_regular(folder / index.embeddings.file) as file:
                content = file.read()
        except FileNotFoundError:
            # Another program has changed the gallery since the index was read.
            if attempt < _ATTEMPTS - 1:
                time.sleep(_POLL_SECONDS)
            continue
        except OSError as error:
            raise _damaged(folder, f"{index.embeddings.file}: {error.strerror}") from None
        try:
            return index, _decode(index, content)
        except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise _damaged(folder, f"{index.embeddings.file}: {error}") from None
    raise _damaged(folder, f"{index.embeddings.file} is missing")


def change_gallery(
    folder: Path,
    change: Callable[[Gallery], Gallery],
    *,
    create: bool = False,
    wait_seconds: float = LOCK_WAIT_SECONDS,
) -> Gallery:
    """Changes a gallery, as one step for other programs; returns the new gallery.

    Files that a killed program left are removed, even if `change` fails.

    Args:
      folder: of the gallery.
      change: returns the new gallery.
      create: whether to begin an empty gallery if there is none.
      wait_seconds: how long to wait for another program that is changing the gallery.

    Raises:
      GalleryError: there is no gallery, it is damaged or locked, or `change` raises it.
      OSError: it cannot be written.
    """
    if create:
        _prepare(folder)
    elif not folder.is_dir():
        raise _missing(folder)
    with _lock(folder, wait_seconds):
        if create and not os.path.lexists(folder / INDEX_NAME):
            gallery = Gallery()
        else:
            index, gallery = _load(folder)
            _remove_leftovers(folder, index.embeddings.file)
        changed = change(gallery)
        _write(folder, changed)
    return changed


def _prepare(folder: Path) -> None:
    """Creates the directory of a new gallery, which only its owner may read.

    Raises:
      GalleryError: it has files of something else, or cannot be created.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise GalleryError(f"--gallery {folder} is not a directory; choose another one.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise GalleryError(f"--gallery {folder} cannot be created: {error.strerror}.") from None
    names = [path.name for path in folder.iterdir()]
    others = sorted(name for name in names if not _is_own(name) and not is_clutter(name))
    if others and INDEX_NAME not in names:
        raise GalleryError(
            f"--gallery {folder} contains {others[0]}, which is not part of a gallery; choose an "
            f"empty directory or a new one."
        )


@contextmanager
def _lock(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Locks a directory; the operating system releases the lock if the process is killed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise GalleryError(
                        f"Another program has been changing {folder} for more than "
                        f"{wait_seconds:g} s; wait for it, and run the command again."
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _read_index(folder: Path) -> _Index:
    path = folder / INDEX_NAME
    try:
        with open_regular(path) as file:
            values = parse_json(file.read())
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(folder) from None
    except OSError as error:
        raise _damaged(folder, f"{INDEX_NAME}: {error.strerror}") from None
    except ValueError as error:
        raise _damaged(folder, f"{INDEX_NAME}: {error}") from None
    try:
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise TypeError(f"its format is not {FORMAT}")
        if values.get("format_version") != FORMAT_VERSION:
            raise TypeError(
                f"its format_version is {quoted(values.get('format_version'))}, not "
                f"{FORMAT_VERSION}"
            )
        people = _parse_people(values.pop("people", None))
        index = replace(from_fields(_Index, values), people=people)
        _check_index(index)
    except (TypeError, ValueError) as error:
        raise _damaged(folder, f"{INDEX_NAME}: {error}") from None
    return index


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


def _check_index(index: _Index) -> None:
    """Checks what the types of the fields do not say.

    Raises:
      ValueError: a value is invalid.
    """
    if not _EMBEDDINGS_NAME.fullmatch(index.embeddings.file):
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


def _decode(index: _Index, content: bytes) -> Gallery:
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


def _write(folder: Path, gallery: Gallery) -> None:
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
    name = f"embeddings-{sha256[:16]}.npz"
    index = _Index(
        FORMAT,
        FORMAT_VERSION,
        _EmbeddingsFile(name, sha256),
        {modality: each.encoder for modality, each in samples.items()},
        {person: {m: tuple(found) for m, found in each.items()} for person, each in people.items()},
    )
    text = json.dumps(asdict(index), indent=1, ensure_ascii=False) + "\n"
    replace_file(folder / name, content, _MODE)
    replace_file(folder / INDEX_NAME, text.encode(), _MODE)
    _remove_leftovers(folder, name)


def _remove_leftovers(folder: Path, kept: str) -> None:
    """Removes older embeddings, and files that a killed program did not complete."""
    for path in folder.iterdir():
        if _is_own(path.name) and path.name not in (INDEX_NAME, kept):
            path.unlink(missing_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_own(name: str) -> bool:
    return bool(
        name == INDEX_NAME or _EMBEDDINGS_NAME.fullmatch(name) or _TEMPORARY_NAME.fullmatch(name)
    )


def _missing(folder: Path) -> GalleryError:
    return GalleryError(
        f"{folder} is not a gallery (it has no {INDEX_NAME}); create one with 'facevoice enroll "
        f"--gallery {folder} --name NAME --face FILE'."
    )


def _damaged(folder: Path, reason: str) -> GalleryError:
    return GalleryError(
        f"The gallery {folder} is damaged ({printable(reason).rstrip('.')}); restore a copy, or "
        f"delete it and enrol everyone again."
    )
