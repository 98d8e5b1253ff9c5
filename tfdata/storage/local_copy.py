"""A data set that lies at an address, copied to a disk: for commands that read it many times."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tfdata.manifest import load_manifest
from tfdata.schema import MANIFEST_NAME
from tfdata.storage import remote
from tfdata.storage.files import replace_file

COPIES = Path("data/copies")


def nearby(place: str, copies: Path = COPIES) -> Path:
    """The folder of a data set: a path as it is, an address as a copy of what lies there.

    Only shards that the copy does not have yet are fetched; it is whole once it has a manifest. A
    data set that was built anew gets a copy of its own.

    Raises:
      DatasetError: the data set cannot be read.
    """
    if not remote.is_address(place):
        return Path(place)
    manifest = load_manifest(place)
    text = manifest.to_json()
    name = place.rstrip("/").rpartition("/")[2]
    folder = copies / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not (folder / MANIFEST_NAME).is_file():
        from tfdata.sources import copy_shards  # which needs TensorFlow

        print(f"Copying {place} to {folder}.", flush=True)
        copy_shards(place, manifest, manifest.shards, folder)
        replace_file(folder / MANIFEST_NAME, text.encode())
    return folder
