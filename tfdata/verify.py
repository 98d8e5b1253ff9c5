"""Checks every byte of a data set: `python -m tfdata.verify DIR`.

Each record's checksums, features, shapes, person, video and key are held against the manifest, and
so are each shard's size, digest and number of records, and everybody's number of pairs. A fault is
a line:

  FILE, record N, byte OFFSET: what was found there

N counts from 1; "about record N" stands behind damage that has swallowed an unknown number of them.
The last line says whether the data set is whole. The exit code is 1 if it is not.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tfdata.command_line import Parser, local_path, run
from tfdata.faults import Found, find_faults
from tfdata.rebuilds import is_rebuilt
from tfdata.schema import Manifest, load_manifest
from tfdata.storage.files import read_json
from tfdata.text import counted
from tfdata.validation import check_manifest

MAX_LINES = 50


def main(argv: Sequence[str] | None = None, prog: str = "python -m tfdata.verify") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("data_dir", type=local_path, metavar="DIR", help="a data set's folder")
    data_dir: Path = parser.parse(argv).data_dir
    return run(lambda: _check(data_dir))


def _check(data_dir: Path) -> int:
    started = time.monotonic()
    manifest = load_manifest(data_dir, check_shards=False)
    check_manifest(data_dir, manifest)
    found = _report(data_dir, manifest)
    print(_summary(data_dir, manifest, found, time.monotonic() - started))
    if is_rebuilt(data_dir, manifest):
        print(f"Note: {data_dir} was rebuilt while it was checked; check the new build, too.")
    return int(found.faults > 0)


def _report(data_dir: Path, manifest: Manifest) -> Found:
    """Checks a data set; prints a line for each fault, up to MAX_LINES, and for strange files."""
    found = Found()
    total = sum(shard.bytes for shard in manifest.shards)
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        lines = find_faults(data_dir, manifest, found, bar.update)
        for line in itertools.islice(lines, MAX_LINES):
            bar.write(line, sys.stdout)
        more_faults = sum(1 for _ in lines)
    if more_faults:
        print(f"... and {counted(more_faults, 'other fault')}.")
    named = {shard.file for shard in manifest.shards}
    others = {path.name for path in data_dir.glob("*.tfrecord")} - named
    if replaced := others & _replaced(data_dir):
        were = "was" if len(replaced) == 1 else "were"
        them = counted(len(replaced), "shard")
        print(f"Note: {them} of earlier builds, kept for readers, {were} not read.")
    if strangers := sorted(others - replaced):
        more = f" and {len(strangers) - 1} more are" if len(strangers) > 1 else " is"
        print(f"Note: {strangers[0]}{more} not of this data set, and was not read.")
    return found


def _replaced(data_dir: Path) -> set[str]:
    """Returns the names of the shards that the build keeps for readers (see `shards.replaced`)."""
    try:
        return set(read_json(data_dir / ".build" / "replaced.json"))
    except (OSError, ValueError, TypeError):
        return set()


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


if __name__ == "__main__":
    sys.exit(main())
