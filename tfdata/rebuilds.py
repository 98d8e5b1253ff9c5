"""Detects that a dataset was rebuilt while a program reads it.

A program reads by one manifest from start to end. A rebuild replaces `dataset.json`, and removes
the shards of the earlier build after a while, or at once if it is told so.
"""

from __future__ import annotations

from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.schema import MANIFEST_NAME, Manifest, load_manifest


def is_rebuilt(data_dir: str | Path, manifest: Manifest) -> bool:
    """Returns whether a dataset has another manifest now; False if that cannot be read."""
    try:
        return load_manifest(data_dir, check_shards=False).to_json() != manifest.to_json()
    except DatasetError:
        return False


def missing_shard(data_dir: str | Path, manifest: Manifest, file: str) -> DatasetError:
    """Returns the error for a shard that the manifest in use names and that is not there."""
    if is_rebuilt(data_dir, manifest):
        return DatasetError(
            f"{data_dir} was rebuilt while it was read ({MANIFEST_NAME} has changed), and shard "
            f"{file} of the earlier build has been removed; start again, and rebuild with "
            f"--keep_replaced_hours above 0 while it is being read."
        )
    return DatasetError(
        f"The shard {data_dir}/{file} is missing; copy the data set again, or build it again."
    )
