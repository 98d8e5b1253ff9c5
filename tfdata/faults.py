"""Every fault of a data set's shards, held against its manifest; without TensorFlow."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfdata.rebuilds import is_rebuilt, missing_shard
from tfdata.schema import MANIFEST_NAME, Manifest, Shard
from tfdata.storage.files import open_regular
from tfdata.tfrecord_recovery import Fault, walk
from tfdata.validation import RecordCheck


@dataclass
class Found:
    """What a check has found so far."""

    faults: int = 0
    damaged: set[str] = field(default_factory=set)  # names of shards
    pairs: int = 0  # undamaged ones


def find_faults(
    data_dir: Path, manifest: Manifest, found: Found, advance: Callable[[int], object]
) -> Iterator[str]:
    """Checks the shards of a data set against its manifest.

    Args:
      data_dir: its folder.
      manifest: its manifest.
      found: is kept up to date.
      advance: is told how many more bytes of shards have been dealt with.

    Yields:
      A line for each fault, as soon as it is found.

    Raises:
      DatasetError: the data set was rebuilt meanwhile, and a shard of `manifest` removed.
    """
    seen: set[int] = set()
    for name, split in manifest.splits.items():
        check = RecordCheck(manifest, name, seen)
        before = found.faults
        for shard in split.shards:
            path = data_dir / shard.file
            for fault in _shard_faults(path, shard, check, advance):
                if not path.exists() and is_rebuilt(data_dir, manifest):
                    raise missing_shard(data_dir, manifest, shard.file)
                found.faults += 1
                found.damaged.add(shard.file)
                yield f"{shard.file}{fault}"
        found.pairs += check.pairs.total()
        if found.faults > before:
            continue  # and it is known already why somebody's pairs are missing
        for identity, person in manifest.people.items():
            if check.pairs[identity] != person.pairs[name]:
                found.faults += 1
                yield (
                    f"{MANIFEST_NAME}: {identity} has {person.pairs[name]} {name} pairs there and "
                    f"{check.pairs[identity]} in the shards"
                )


def _shard_faults(
    path: Path, shard: Shard, check: RecordCheck, advance: Callable[[int], object]
) -> Iterator[str]:
    """What is wrong with one shard: what follows its name in a line."""
    whole, faults, done = 0, 0, 0
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != shard.bytes:
                faults += 1
                yield f": it has {size} bytes where the manifest says {shard.bytes}"
            for item in walk(file, size):
                advance(item.offset - done)
                done = item.offset
                try:
                    if isinstance(item, Fault):
                        raise ValueError(item.reason)
                    check(item.data)
                    whole += 1
                except ValueError as error:
                    faults += 1
                    about = "" if item.counted else "about "
                    yield f", {about}record {item.number}, byte {item.offset}: {error}"
            if not faults and whole != shard.records:
                faults += 1
                yield f": it has {whole} records where the manifest says {shard.records}"
            file.seek(0)
            if not faults and hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                yield (
                    ": its SHA-256 is not the manifest's, though every record is whole; records "
                    "were moved or replaced"
                )
    except OSError as error:
        yield f": it cannot be read: {error.strerror}"
    advance(shard.bytes - done)
