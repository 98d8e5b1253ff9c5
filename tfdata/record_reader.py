"""Reads the records of a shard without TensorFlow: all, or the undamaged ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import IO, NamedTuple

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard
from tfdata.manifest_reader import missing_shard
from tfdata.storage.files import open_regular
from tfdata.tfrecord import parse_example
from tfdata.tfrecord_recovery import Fault, Record, scan


def read_records(path: Path) -> Iterator[dict[str, bytes | int]]:
    """Reads the records of one shard, in stored order, one at a time.

    Raises:
      DatasetError: the shard cannot be read or is damaged; names the record and its offset.
    """
    for item in scan_shard(path):
        try:
            if isinstance(item, Fault):
                raise ValueError(item.reason)
            record = parse_example(item.data)
        except ValueError as error:
            raise DatasetError(
                f"The shard {path} is damaged in record {item.number}, which begins at byte "
                f"{item.offset}: {error}; copy the dataset again, or build it again."
            ) from None
        yield record


def read_shard(
    data_dir: Path, manifest: Manifest, shard: Shard
) -> Iterator[dict[str, bytes | int]]:
    """Reads the records of one shard of a dataset, as `read_records` does.

    Raises:
      DatasetError: as `read_records`; or the shard was removed by a rebuild.
    """
    path = data_dir / shard.file
    try:
        yield from read_records(path)
    except DatasetError:
        if path.exists():
            raise
        raise missing_shard(data_dir, manifest, shard.file) from None


class ShardLoss(NamedTuple):
    """The number of records that a shard lost, and the number of its faults."""

    records: int
    faults: int


def salvage_records(
    path: Path,
    shard: Shard,
    check: Callable[[bytes], object],
    losses: MutableMapping[str, ShardLoss],
) -> Iterator[bytes]:
    """Yields the undamaged records of one shard, serialized, in stored order, one at a time.

    Records that are not part of this dataset (the file may come from another one) count as damaged.
    A shard that cannot be opened has no undamaged records. If the disk fails, the records before
    the failure are returned.

    Args:
      path: of the shard.
      shard: its entry in the manifest.
      check: raises ValueError for a record that is not part of this dataset; a new
        `tfdata.validation.RecordCheck`.
      losses: gets an entry for the shard at its end if it lost records.
    """
    kept = faults = 0
    try:
        for item in scan_shard(path):
            try:
                if isinstance(item, Fault):
                    raise ValueError(item.reason)
                check(item.data)
            except ValueError:
                faults += 1
                continue
            kept += 1
            yield item.data
    except DatasetError:
        faults += 1
    if faults or kept < shard.records:
        losses[shard.file] = ShardLoss(max(0, shard.records - kept), faults)


def scan_shard(path: Path) -> Iterator[Record | Fault]:
    """Scans a shard on disk (see `tfdata.tfrecord_recovery.scan`).

    Raises:
      DatasetError: it cannot be opened, or not read to its end.
    """
    try:
        with open_regular(path) as file:
            yield from scan(file, _size(file))
    except OSError as error:
        raise DatasetError(f"The shard {path} cannot be read: {error.strerror}.") from None


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size
