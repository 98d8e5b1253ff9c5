"""Checks the shards and records of a dataset against its manifest, without TensorFlow."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfdata.examples import decode_example
from tfdata.manifest import Manifest, Shard
from tfdata.manifest_reader import is_rebuilt, missing_shard
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.files import open_regular
from tfdata.text import bytes_text, counted
from tfdata.tfrecord import parse_example
from tfdata.tfrecord_recovery import Fault, scan


class RecordCheck:
    """Checks the records of one split, one after the other, and counts them.

    Of keys, only 8-byte hashes are kept. The probability that two of a million keys have the same
    hash is 1 in 37 million.

    Attributes:
      pairs: identity to number of valid records.
    """

    def __init__(self, manifest: Manifest, split: str, seen: set[int] | None = None) -> None:
        """Args: the manifest; name of the split; hashes of earlier keys, which is added to."""
        self.pairs: Counter[str] = Counter()
        self._manifest = manifest
        self._split = split
        sessions = manifest.splits[split].sessions
        self._sessions = {identity: set(videos) for identity, videos in sessions.items()}
        self._seen = set() if seen is None else seen

    def __call__(self, data: bytes) -> None:
        """Checks the next serialized example.

        Raises:
          ValueError: it does not match the manifest; a clause for an error message.
        """
        example = decode_example(parse_example(data), self._manifest)
        identity = example.identity
        if identity not in self._manifest.people:
            raise ValueError(f"its identity {identity!r} is not in the manifest's people")
        if example.session not in self._sessions.get(identity, ()):
            raise ValueError(
                f"its session {example.session!r} is not a video of {identity} in the "
                f"{self._split} split"
            )
        key_hash = int.from_bytes(hashlib.blake2b(example.key.encode(), digest_size=8).digest())
        if key_hash in self._seen:
            raise ValueError(f"its key {example.key!r} is the key of an earlier record")
        self._seen.add(key_hash)
        self.pairs[identity] += 1


@dataclass
class CheckResult:
    """Counts of a check of all shards.

    Attributes:
      faults: number of faults.
      damaged: file names of shards with faults.
      pairs: number of valid pairs.
    """

    faults: int = 0
    damaged: set[str] = field(default_factory=set)
    pairs: int = 0


def find_faults(
    data_dir: Path, manifest: Manifest, result: CheckResult, advance: Callable[[int], object]
) -> Iterator[str]:
    """Checks all shards of a dataset against its manifest.

    Args:
      data_dir: directory of the dataset.
      manifest: its manifest.
      result: is updated during the check.
      advance: is called with numbers of bytes of shards that were checked, for a progress bar.

    Yields:
      A line for each fault, as soon as it is found.

    Raises:
      DatasetError: the dataset was rebuilt during the check, and a shard of `manifest` removed.
    """
    seen: set[int] = set()
    for name, split in manifest.splits.items():
        check = RecordCheck(manifest, name, seen)
        faults_before = result.faults
        for shard in split.shards:
            path = data_dir / shard.file
            for fault in _shard_faults(path, shard, check, advance):
                if not path.exists() and is_rebuilt(data_dir, manifest):
                    raise missing_shard(data_dir, manifest, shard.file)
                result.faults += 1
                result.damaged.add(shard.file)
                yield f"{shard.file}{fault}"
        result.pairs += check.pairs.total()
        if result.faults > faults_before:
            continue  # these faults explain missing pairs of people
        for identity, person in manifest.people.items():
            if check.pairs[identity] != person.pairs[name]:
                result.faults += 1
                yield (
                    f"{MANIFEST_NAME}: {identity} has "
                    f"{counted(person.pairs[name], f'{name} pair')} there and "
                    f"{check.pairs[identity]} in the shards"
                )


def _shard_faults(
    path: Path, shard: Shard, check: RecordCheck, advance: Callable[[int], object]
) -> Iterator[str]:
    """Yields the faults of one shard, each as the text that follows the file name in a line."""
    records, faults, done = 0, 0, 0
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != shard.bytes:
                faults += 1
                yield f": it has {bytes_text(size)} where the manifest says {shard.bytes}"
            for item in scan(file, size):
                advance(item.offset - done)
                done = item.offset
                try:
                    if isinstance(item, Fault):
                        raise ValueError(item.reason)
                    check(item.data)
                    records += 1
                except ValueError as error:
                    faults += 1
                    about = "" if item.counted else "about "
                    yield f", {about}record {item.number}, byte {item.offset}: {error}"
            if not faults and records != shard.records:
                faults += 1
                found = counted(records, "record")
                yield f": it has {found} where the manifest says {shard.records:,}"
            file.seek(0)
            if not faults and hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                yield (
                    ": its SHA-256 is not the manifest's, though every record is intact; records "
                    "were moved or replaced"
                )
    except OSError as error:
        yield f": it cannot be read: {error.strerror}"
    advance(shard.bytes - done)
