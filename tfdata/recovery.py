"""Reading a damaged data set: what is left of it, or where the damage is."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections import deque
from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard, check_shard_sizes, is_rebuilt, missing_shard
from tfdata.record_reader import Loss, salvaged
from tfdata.storage.files import create_file
from tfdata.tfrecord import frame
from tfdata.validation import CheckResult, RecordCheck, find_faults


class DamageWarning(UserWarning):
    """Some records are damaged, and left out: how many, and where."""


def without_damage(
    files: list[str], data_dir: str | Path, manifest: Manifest, split: str
) -> tuple[list[str], list[int]]:
    """Shards of a split of which every record is whole, and how many records each has.

    All of the split is read once for that. A damaged shard is replaced by a copy of what is whole
    of it, in a temporary folder that goes when the program ends; so the reading itself is as fast
    as ever, and how many examples there are is known before it begins.

    Args:
      files: of the split's shards, in the order of the manifest.
      data_dir, manifest: of the data set.
      split: name.

    Raises:
      DatasetError: nothing is left; or a shard has been removed by a rebuild, which is no damage.
    """
    losses: dict[str, Loss] = {}
    left, counts = [], []
    for file, shard in zip(map(Path, files), manifest.splits[split].shards, strict=True):
        deque(salvaged(file, shard, RecordCheck(manifest, split), losses), maxlen=0)
        lost = losses.get(shard.file)
        if lost and not file.exists() and is_rebuilt(data_dir, manifest):
            raise missing_shard(data_dir, manifest, shard.file)
        left.append(str(_copy_of_whole(file, shard, manifest, split) if lost else file))
        counts.append(shard.records - lost.records if lost else shard.records)
    if not sum(counts):
        raise DatasetError(
            f"Nothing of the {split} split in {Path(files[0]).parent} is undamaged; copy the data "
            f"set again, or build it again."
        )
    if losses:
        records = sum(lost.records for lost in losses.values())
        warnings.warn(
            f"{records} of {manifest.splits[split].pairs} records of the {split} split in "
            f"{Path(files[0]).parent} are damaged and left out, in {', '.join(losses)}; 'python -m "
            f"tfdata.verify' says where.",
            DamageWarning,
            stacklevel=2,
        )
    return left, counts


def first_damage(data_dir: Path, manifest: Manifest) -> DatasetError | None:
    """Finds what is wrong with a data set that TensorFlow failed to read, if anything is.

    TensorFlow's own error names neither the record nor the reason. Missing shards and their sizes
    are checked first, which is quick; then every byte.

    Returns:
      An error that says where the damage is, or that the data set was rebuilt and a shard of
      `manifest` removed.
    """
    try:
        check_shard_sizes(data_dir, manifest)
        for fault in find_faults(data_dir, manifest, CheckResult(), lambda _: None):
            return DatasetError(
                f"{data_dir} is damaged: {fault}; copy the data set again, or build it again."
            )
    except DatasetError as error:
        return error
    return None


def _copy_of_whole(file: Path, shard: Shard, manifest: Manifest, split: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="facevoice-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with create_file(folder / shard.file) as copy:
        for data in salvaged(file, shard, RecordCheck(manifest, split), {}):
            copy.write(frame(data))
    return folder / shard.file
