"""Copies a dataset from a URL to a disk; without TensorFlow."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tfdata.command_line import say
from tfdata.manifest_reader import load_manifest
from tfdata.schema import MANIFEST_NAME
from tfdata.shard_cache import copy_shard
from tfdata.storage.base import is_address
from tfdata.storage.factory import storage_at
from tfdata.storage.files import replace_file

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
        folder.mkdir(parents=True, exist_ok=True)
        storage = storage_at(place)
        for shard in manifest.shards:
            copy_shard(storage, place, manifest, shard, folder)
        replace_file(folder / MANIFEST_NAME, text.encode())
    return folder
