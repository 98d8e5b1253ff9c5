"""Reads the records of a shard without TensorFlow: all of them, or those that damage has left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import IO, NamedTuple

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard, missing_shard
from tfdata.storage.files import open_regular
from tfdata.tfrecord import parse_example
from tfdata.tfrecord_recovery import Fault, Record, walk


def read_records(path: Path) -> Iterator[dict[str, bytes | int]]:
    """The records of one shard, in their order; one at a time is in memory.

    Raises:
      DatasetError: the shard cannot be read or is damaged; says in which record, at which byte.
    """
    for item in walk_shard(path):
        try:
            if isinstance(item, Fault):
                raise ValueError(item.reason)
            record = parse_example(item.data)
        except ValueError as error:
            raise DatasetError(
                f"The shard {path} is damaged in record {item.number}, which begins at byte "
                f"{item.offset}: {error}; copy the data set again, or build it again."
            ) from None
        yield record


def read_shard(
    data_dir: Path, manifest: Manifest, shard: Shard
) -> Iterator[dict[str, bytes | int]]:
    """Reads the records of one shard of a dataset, as `read_records` does.

    Raises:
      DatasetError: as `read_records`; a shard that a rebuild has removed is reported as that.
    """
    path = data_dir / shard.file
    try:
        yield from read_records(path)
    except DatasetError:
        if path.exists():
            raise
        raise missing_shard(data_dir, manifest, shard.file) from None


class Loss(NamedTuple):
    """What damage cost a shard: records that the manifest counts, and in how many places."""

    records: int
    faults: int


def salvaged(
    path: Path,
    shard: Shard,
    check: Callable[[bytes], object],
    losses: MutableMapping[str, Loss],
) -> Iterator[bytes]:
    """The undamaged records of one shard, serialized, in stored order; one at a time is in memory.

    A record is damaged, too, if it is none of this data set: then its checksums are those of a
    foreign file. A shard that cannot be opened has no undamaged records; one that can only be read
    in part, by a disk that fails, has those up to there.

    Args:
      path: of the shard.
      shard: what the manifest says of it.
      check: raises ValueError for a record that is none of this data set, such as
        `tfdata.validation.RecordCheck`, a new one each time.
      losses: gets the shard's name and what it lost, if anything, once it is read to its end.
    """
    kept = faults = 0
    try:
        for item in walk_shard(path):
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
        losses[shard.file] = Loss(max(0, shard.records - kept), faults)


def walk_shard(path: Path) -> Iterator[Record | Fault]:
    """Walks over a shard on disk, see `tfdata.tfrecord_recovery.walk`.

    Raises:
      DatasetError: it cannot be opened, or not be read to its end.
    """
    try:
        with open_regular(path) as file:
            yield from walk(file, _size(file))
    except OSError as error:
        raise DatasetError(f"The shard {path} cannot be read: {error.strerror}.") from None


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size
