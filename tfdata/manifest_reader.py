"""Reads and checks the manifest of a dataset.

A program reads the manifest once, when it starts, and uses it to its end. A rebuild replaces
`dataset.json` and later removes the shards of earlier builds, so a missing shard may have been
removed by a rebuild.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfdata.errors import DatasetError
from tfdata.fields import from_fields
from tfdata.manifest import Manifest
from tfdata.manifest_checks import check_content
from tfdata.schema import (
    AUDIO_EMBEDDING,
    DEFAULT_ENCODERS,
    FORMAT,
    FORMAT_VERSION,
    IMAGE_EMBEDDING,
    MANIFEST_NAME,
    SPLITS,
)
from tfdata.storage.addresses import check_address
from tfdata.storage.base import StorageError, is_address
from tfdata.storage.factory import storage_at
from tfdata.storage.files import parse_json
from tfdata.text import bytes_text, listed


def is_manifest(content: bytes) -> bool:
    """Returns whether a file's content is the manifest of a dataset, of any format version."""
    try:
        fields = parse_json(content)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("format") == FORMAT


def load_manifest(data_dir: str | Path, *, check_shards: bool = True) -> Manifest:
    """Reads and checks the manifest of a dataset, in milliseconds.

    Types, ranges, labels, counts and file names are checked, so that a damaged manifest is an error
    before anything is computed. `tfdata.verify` also reads the records.

    Args:
      data_dir: directory or URL of the dataset.
      check_shards: also check that all shards exist and have their sizes, in milliseconds. False
        reads the manifest of a dataset whose shards may be damaged.

    Raises:
      DatasetError: the directory or the manifest is missing, damaged or inconsistent, has another
        format version, a shard is missing, not a regular file or of another size, or the URL has
        credentials in it.
    """
    return load_manifest_with_sha256(data_dir, check_shards=check_shards)[0]


def load_manifest_with_sha256(
    data_dir: str | Path, *, check_shards: bool = True
) -> tuple[Manifest, str]:
    """Returns the manifest of a dataset and the SHA-256 of its file; see `load_manifest`."""
    try:
        check_address(data_dir)
    except ValueError as error:
        raise DatasetError(f"The address {error}.") from None
    folder = data_dir if is_address(data_dir) else Path(data_dir)
    path = f"{folder}/{MANIFEST_NAME}"
    text = _read_text(folder)
    try:
        fields = parse_json(text)
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read ({error}); build the dataset again.") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise DatasetError(f"{path} is not the manifest of a FaceVoice dataset.")
    version = fields.get("format_version")
    if type(version) is int and version != FORMAT_VERSION:
        raise DatasetError(
            f"{path} has format version {version} and this software reads "
            f"version {FORMAT_VERSION}; build the dataset again, or install the version of "
            f"FaceVoice that made it."
        )
    try:
        manifest = _parse(fields)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}); build the dataset again.") from None
    if check_shards:
        check_shard_sizes(folder, manifest)
    return manifest, hashlib.sha256(text.encode()).hexdigest()


def check_shard_sizes(data_dir: str | Path, manifest: Manifest) -> None:
    """Checks that the shards of a manifest exist and have its sizes, in milliseconds.

    Raises:
      DatasetError: a shard is missing (a rebuild is named as the reason if there was one), is not
        a regular file, or has another size.
    """
    folder = data_dir if is_address(data_dir) else Path(data_dir)
    names = [shard.file for shard in manifest.shards]
    try:
        sizes = storage_at(folder).sizes(names)
    except StorageError as error:
        raise _unreadable(folder, error.url, error.reason) from None
    for shard in manifest.shards:
        if shard.file not in sizes:
            raise missing_shard(folder, manifest, shard.file)
        if sizes[shard.file] != shard.bytes:
            raise DatasetError(
                f"The shard {folder}/{shard.file} has {bytes_text(sizes[shard.file])} where "
                f"the manifest says {shard.bytes}; copy the dataset again, or build it again."
            )


def check_embeddings(data_dir: str | Path, manifest: Manifest, names: Iterable[str]) -> None:
    """Checks that a dataset has the embeddings among some features of a record.

    Raises:
      DatasetError: it lacks one.
    """
    needed = {
        IMAGE_EMBEDDING: ("image", "faces", f"--face_encoder {DEFAULT_ENCODERS['image']}"),
        AUDIO_EMBEDDING: ("audio", "voices", f"--voice_encoder {DEFAULT_ENCODERS['audio']}"),
    }
    wanted = [needed[name] for name in names if name in needed]
    missing = [(what, flag) for key, what, flag in wanted if key not in manifest.encoders]
    if missing:
        media, flags = zip(*missing, strict=True)
        raise DatasetError(
            f"{data_dir} has no embeddings of {listed(media)}; build it again with "
            f"{' '.join(flags)}."
        )


def check_any_embeddings(data_dir: str | Path, manifest: Manifest) -> None:
    """Checks that a dataset has embeddings of faces, of voices, or of both.

    Raises:
      DatasetError: it has none.
    """
    if not manifest.encoders:
        check_embeddings(data_dir, manifest, (IMAGE_EMBEDDING, AUDIO_EMBEDDING))


def is_rebuilt(data_dir: str | Path, manifest: Manifest) -> bool:
    """Returns whether a dataset has another manifest now; False if that cannot be read."""
    try:
        return load_manifest(data_dir, check_shards=False).to_json() != manifest.to_json()
    except DatasetError:
        return False


def missing_shard(data_dir: str | Path, manifest: Manifest, file: str) -> DatasetError:
    """Returns the error for a missing shard of the manifest in use."""
    if is_rebuilt(data_dir, manifest):
        return DatasetError(
            f"{data_dir} was rebuilt while it was read ({MANIFEST_NAME} has changed), and shard "
            f"{file} of the earlier build has been removed; start again, and rebuild with "
            f"--keep_replaced_hours above 0 while it is being read."
        )
    return DatasetError(
        f"The shard {data_dir}/{file} is missing; copy the dataset again, or build it again."
    )


def _read_text(folder: str | Path) -> str:
    """Reads the text of a manifest."""
    path = f"{folder}/{MANIFEST_NAME}"
    try:
        return storage_at(folder).read(MANIFEST_NAME).decode()
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(folder, str):
            raise DatasetError(
                f"{folder} holds no {MANIFEST_NAME} ({error.strerror}); check the address, or "
                f"build a dataset with 'python -m beam_pipelines.build --output {folder}'."
            ) from None
        found = "is not a directory" if folder.exists() else "does not exist"
        if folder.is_dir():
            found = f"has no {MANIFEST_NAME}, so it is not a finished dataset"
        raise DatasetError(
            f"{folder} {found}; build a dataset with 'python -m beam_pipelines.build --output DIR'."
        ) from None
    except UnicodeDecodeError as error:
        raise _unreadable(folder, path, str(error)) from None
    except OSError as error:
        raise _unreadable(folder, path, error.strerror or str(error)) from None


def _unreadable(folder: str | Path, path: str, reason: str) -> DatasetError:
    """Returns the error for a file of a dataset that exists and cannot be read."""
    if isinstance(folder, str):
        return DatasetError(f"{folder} cannot be read: {reason}.")
    return DatasetError(
        f"{path} cannot be read ({reason}); copy the dataset again, or build it again."
    )


def _parse(fields: Mapping[str, Any]) -> Manifest:
    """Builds a manifest from parsed JSON, or raises TypeError or ValueError.

    People are sorted by label, because the order of keys in JSON has no meaning.
    """
    manifest = from_fields(Manifest, fields, ignore_unknown=True)
    for field, given, names in (
        ("splits", manifest.splits, SPLITS),
        ("leakage", manifest.leakage, SPLITS[1:]),
    ):
        if missing := [name for name in names if name not in given]:
            raise TypeError(f"{field}.{missing[0]} is missing")
    people = sorted(manifest.people.items(), key=lambda item: item[1].label)
    splits = {name: manifest.splits[name] for name in SPLITS}
    manifest = replace(manifest, people=dict(people), splits=splits)
    check_content(manifest, fields)
    return manifest
