"""Checks every byte of a data set: `python -m tfdata.verify DIR`.

Each record's checksums, features, shapes, person, video and key are held against the manifest, and
so are each shard's size, digest and number of records, and everybody's number of pairs. A fault is
a line:

  FILE, record N, byte OFFSET: what was found there

N counts from 1; "about record N" stands behind damage that has swallowed an unknown number of them.
The last line says whether the data set is whole. The exit code is 1 if it is not.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from command_line import Parser
from reports.words import counted
from tfdata.checks import RecordCheck, check_manifest
from tfdata.salvage import Fault, walk
from tfdata.schema import MANIFEST_NAME, DatasetError, Manifest, Shard, load_manifest

MAX_LINES = 50


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog="python -m tfdata.verify", description=__doc__)
    parser.add_argument("data_dir", type=Path, metavar="DIR", help="a data set's folder")
    data_dir: Path = parser.parse(argv).data_dir
    started = time.monotonic()
    try:
        manifest = load_manifest(data_dir, check_shards=False)
        check_manifest(data_dir, manifest)
        found = _report(data_dir, manifest)
    except (DatasetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    print(_summary(data_dir, manifest, found, time.monotonic() - started))
    return int(found.faults > 0)


@dataclass
class Found:
    """What a check has found so far."""

    faults: int = 0
    damaged: set[str] = field(default_factory=set)  # names of shards
    pairs: int = 0  # undamaged ones


def _report(data_dir: Path, manifest: Manifest) -> Found:
    """Checks a data set; prints a line for each fault, up to MAX_LINES, and for strange files."""
    found = Found()
    total = sum(shard.bytes for shard in manifest.shards)
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        lines = find_faults(data_dir, manifest, found, bar.update)
        for line in itertools.islice(lines, MAX_LINES):
            bar.write(line, sys.stdout)
        others = sum(1 for _ in lines)
    if others:
        print(f"... and {counted(others, 'other fault')}.")
    named = {shard.file for shard in manifest.shards}
    strangers = sorted(path.name for path in data_dir.glob("*.tfrecord") if path.name not in named)
    if strangers:
        more = f" and {len(strangers) - 1} more are" if len(strangers) > 1 else " is"
        print(f"Note: {strangers[0]}{more} not of this data set, and was not read.")
    return found


def _summary(data_dir: Path, manifest: Manifest, found: Found, seconds: float) -> str:
    shards = manifest.shards
    pairs = sum(split.pairs for split in manifest.splits.values())
    if not found.faults:
        megabytes = sum(shard.bytes for shard in shards) / 1e6
        return (
            f"{data_dir} is whole: {counted(pairs, 'pair')} in {counted(len(shards), 'shard')}, "
            f"{megabytes:,.1f} MB, read in {seconds:.1f} s."
        )
    return (
        f"{data_dir} is damaged: {counted(found.faults, 'fault')}; {len(found.damaged)} of "
        f"{counted(len(shards), 'shard')} damaged, {found.pairs:,} of {counted(pairs, 'pair')} "
        f"whole; copy the data set again, or build it again."
    )


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
    """
    seen: set[int] = set()
    for name, split in manifest.splits.items():
        check = RecordCheck(manifest, name, seen)
        before = found.faults
        for shard in split.shards:
            for fault in _shard_faults(data_dir / shard.file, shard, check, advance):
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
        with path.open("rb") as file:
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


if __name__ == "__main__":
    sys.exit(main())
