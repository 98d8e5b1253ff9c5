"""Copies shards, or a whole dataset, from a URL to a disk; without TensorFlow."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

from tfdata.command_line import say
from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard
from tfdata.manifest_reader import load_manifest, missing_shard
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.base import StorageError, is_address
from tfdata.storage.factory import storage_at
from tfdata.storage.files import create_file, replace_file
from tfdata.text import bytes_text

COPIES = Path("data/copies")


def local_copy(place: str, copies: Path = COPIES) -> Path:
    """Returns the folder of a dataset: a path as it is, for a URL a copy of the dataset.

    Only shards that the copy lacks are downloaded; it is complete once it has a manifest. A
    rebuilt dataset gets another copy.

    Raises:
      DatasetError: the dataset cannot be read.
    """
    if not is_address(place):
        return Path(place)
    manifest = load_manifest(place)
    text = manifest.to_json()
    name = place.rstrip("/").rpartition("/")[2]
    folder = copies / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not (folder / MANIFEST_NAME).is_file():
        say(f"Copying {place} to {folder}.")
        copy_shards(place, manifest, manifest.shards, folder)
        replace_file(folder / MANIFEST_NAME, text.encode())
    return folder


def copy_shards(
    data_dir: str | Path,
    manifest: Manifest,
    shards: Sequence[Shard],
    folder: Path,
    *,
    damage: str = "fail",
) -> list[str]:
    """Copies some shards of a dataset to a folder, unless they are there; returns their paths.

    A shard's name has a digest of its content, so a copy is never out of date. A copy gets its
    name when it is complete, so an interrupted one is never read. With damage 'skip', shards that
    cannot be downloaded are left out.

    Raises:
      DatasetError: a shard cannot be downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    storage = storage_at(data_dir)
    copies = [folder / shard.file for shard in shards]
    for copy, shard in zip(copies, shards, strict=True):
        source = f"{data_dir}/{shard.file}"
        if copy.is_file() and copy.stat().st_size == shard.bytes:
            continue
        temporary = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.tmp")
        try:
            with create_file(temporary) as file:
                storage.download(shard.file, file)
            size = temporary.stat().st_size
            if size != shard.bytes and damage == "fail":
                raise DatasetError(
                    f"{source} was downloaded with {bytes_text(size)} where the manifest says "
                    f"{shard.bytes}; try again, or build the dataset again."
                )
            temporary.replace(copy)
        except FileNotFoundError:
            if damage == "fail":
                raise missing_shard(data_dir, manifest, shard.file) from None
        except StorageError as error:
            if damage == "fail":
                raise DatasetError(f"{source} cannot be read: {error.reason}.") from None
        finally:
            temporary.unlink(missing_ok=True)
    return [str(copy) for copy in copies]
