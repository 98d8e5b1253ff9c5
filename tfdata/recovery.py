"""Reads damaged datasets: replaces damaged shards, or finds the damage."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, Shard
from tfdata.manifest_reader import check_shard_sizes, is_rebuilt, missing_shard
from tfdata.record_reader import ShardLoss, salvage_records
from tfdata.storage.files import create_file
from tfdata.text import agree, counted, printable
from tfdata.tfrecord import frame
from tfdata.validation import CheckResult, RecordCheck, find_faults


class DamageWarning(UserWarning):
    """Warns of damaged records that are skipped; has their number and shards."""


def recover_shards(
    files: Iterable[str], data_dir: str | Path, manifest: Manifest, split: str
) -> tuple[list[str], list[int]]:
    """Replaces the damaged shards of a split by copies with the undamaged records.

    All shards are read once. The copies are in a temporary directory that is removed when the
    program ends. So the number of examples is known, and reading is not slower.

    Args:
      files: paths of the split's shards, in the order of the manifest; each is read before the next
        is asked for.
      data_dir, manifest: of the dataset.
      split: name.

    Returns:
      Paths of shards, and the number of records of each.

    Raises:
      DatasetError: no record is undamaged, or a rebuild has removed a shard.
    """
    losses: dict[str, ShardLoss] = {}
    recovered, counts = [], []
    for file, shard in zip(map(Path, files), manifest.splits[split].shards, strict=True):
        deque(salvage_records(file, shard, RecordCheck(manifest, split), losses), maxlen=0)
        loss = losses.get(shard.file)
        if loss and not file.exists() and is_rebuilt(data_dir, manifest):
            raise missing_shard(data_dir, manifest, shard.file)
        recovered.append(str(_copy_undamaged(file, shard, manifest, split) if loss else file))
        counts.append(shard.records - loss.records if loss else shard.records)
    if not sum(counts):
        raise DatasetError(
            f"The {split} split in {data_dir} has no undamaged record; copy the dataset again, or "
            f"build it again."
        )
    if losses:
        records = sum(loss.records for loss in losses.values())
        warnings.warn(
            printable(
                f"{records:,} of {counted(manifest.splits[split].pairs, 'record')} of the {split} "
                f"split in {data_dir} {agree(records, 'is', 'are')} damaged and skipped, in "
                f"{', '.join(losses)}; 'python -m tfdata.verify' lists the damage."
            ),
            DamageWarning,
            stacklevel=2,
        )
    return recovered, counts


def first_damage(data_dir: Path, manifest: Manifest) -> DatasetError | None:
    """Finds the damage of a dataset that TensorFlow failed to read.

    TensorFlow's own error names neither the record nor the reason. Checks first whether all shards
    exist and have their sizes, which is fast; then checks every byte.

    Returns:
      An error that names the first damage, or a shard of `manifest` that a rebuild has removed;
      None if the dataset is intact.
    """
    try:
        check_shard_sizes(data_dir, manifest)
        for fault in find_faults(data_dir, manifest, CheckResult(), lambda _: None):
            return DatasetError(
                f"{data_dir} is damaged: {fault}; copy the dataset again, or build it again."
            )
    except DatasetError as error:
        return error
    return None


def _copy_undamaged(file: Path, shard: Shard, manifest: Manifest, split: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="facevoice-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with create_file(folder / shard.file) as copy:
        for data in salvage_records(file, shard, RecordCheck(manifest, split), {}):
            copy.write(frame(data))
    return folder / shard.file
