"""Checks every byte of a dataset: `python -m tfdata.verify DIR`.

Checks the manifest, the checksums, features, shapes, person, video and key of each record, the
size, digest and number of records of each shard, and the number of pairs of each person. Prints a
line for each fault:

  FILE, record N, byte OFFSET: what was found there

N counts from 1. It is "about record N" after damage that destroyed an unknown number of records.
The last line says whether the dataset is intact. The exit code is 1 if it is not.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tfdata.command_line import Parser, run, say
from tfdata.flag_types import local_path
from tfdata.manifest import Manifest
from tfdata.manifest_reader import is_rebuilt, load_manifest
from tfdata.storage.files import read_json
from tfdata.text import agree, counted, printable
from tfdata.validation import CheckResult, find_faults

MAX_LINES = 50


def main(argv: Sequence[str] | None = None, prog: str = "python -m tfdata.verify") -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument(
        "data_dir", type=local_path, metavar="DIR", help="directory of the dataset to check"
    )
    data_dir: Path = parser.parse(argv).data_dir
    return run(lambda: _verify(data_dir))


def _verify(data_dir: Path) -> int:
    started = time.monotonic()
    manifest = load_manifest(data_dir, check_shards=False)
    result = _check_shards(data_dir, manifest)
    _print_other_shards(data_dir, manifest)
    say(_summary(data_dir, manifest, result, time.monotonic() - started))
    if is_rebuilt(data_dir, manifest):
        say(f"Note: {data_dir} was rebuilt during the check; check the new build too.")
    return int(result.faults > 0)


def _check_shards(data_dir: Path, manifest: Manifest) -> CheckResult:
    """Checks the shards of a dataset; prints a line for each fault, up to MAX_LINES."""
    result = CheckResult()
    total = sum(shard.bytes for shard in manifest.shards)
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        lines = find_faults(data_dir, manifest, result, bar.update)
        for line in itertools.islice(lines, MAX_LINES):
            bar.write(printable(line), sys.stdout)
        more_faults = sum(1 for _ in lines)
    if more_faults:
        say(f"... and {counted(more_faults, 'other fault')}.")
    return result


def _print_other_shards(data_dir: Path, manifest: Manifest) -> None:
    """Prints a note about TFRecord files that are not shards of the manifest."""
    named = {shard.file for shard in manifest.shards}
    others = {path.name for path in data_dir.glob("*.tfrecord")} - named
    if replaced := others & _replaced(data_dir):
        were = agree(len(replaced), "was", "were")
        shards = counted(len(replaced), "shard")
        say(f"Note: {shards} of earlier builds, kept for readers, {were} not read.")
    if unknown := [printable(name) for name in sorted(others - replaced)]:
        first = (
            f"{unknown[0]} and {len(unknown) - 1} more are" if unknown[1:] else f"{unknown[0]} is"
        )
        were = "were" if unknown[1:] else "was"
        say(f"Note: {first} not part of this dataset and {were} not read.")


def _replaced(data_dir: Path) -> set[str]:
    """Returns the names of the shards of earlier builds that the build keeps for readers."""
    try:
        return set(read_json(data_dir / ".build" / "replaced.json"))
    except (OSError, ValueError, TypeError):
        return set()


def _summary(data_dir: Path, manifest: Manifest, result: CheckResult, seconds: float) -> str:
    shards = manifest.shards
    pairs = sum(split.pairs for split in manifest.splits.values())
    if not result.faults:
        megabytes = sum(shard.bytes for shard in shards) / 1e6
        return (
            f"{data_dir} is intact: {counted(pairs, 'pair')} in {counted(len(shards), 'shard')}, "
            f"{megabytes:,.1f} MB, read in {seconds:.1f} s."
        )
    return (
        f"{data_dir} is damaged: {counted(result.faults, 'fault')}; {len(result.damaged)} of "
        f"{counted(len(shards), 'shard')} damaged, {result.pairs:,} of {counted(pairs, 'pair')} "
        f"intact; copy the dataset again, or build it again."
    )


if __name__ == "__main__":
    sys.exit(main())
