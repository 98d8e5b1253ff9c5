"""Opens the dataset of a training. This module imports no TensorFlow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from facevoice.plugins import short_name
from facevoice.run_layout import METRICS_NAME, RUNS, SETTINGS_NAME
from tfdata.errors import DatasetError
from tfdata.manifest import Manifest
from tfdata.manifest_reader import check_shard_sizes, load_manifest_with_sha256
from tfdata.schema import MANIFEST_NAME, SPLITS
from tfdata.storage.files import read_json, replace_file
from tfdata.text import counted


@dataclass(frozen=True)
class TrainingData:
    """A dataset that a model can be trained on.

    Attributes:
      data_dir: directory of the dataset.
      manifest: its manifest.
      manifest_sha256: SHA-256 of the manifest file, hexadecimal.
    """

    data_dir: Path
    manifest: Manifest
    manifest_sha256: str


def open_training_data(data_dir: Path) -> TrainingData:
    """Reads the manifest of a dataset and checks that its splits can be trained on.

    Raises:
      DatasetError: the manifest cannot be read, a split is empty, there are fewer than two people,
        or a person has no training pair.
    """
    manifest, digest = load_manifest_with_sha256(data_dir)
    _check_splits(data_dir, manifest)
    return TrainingData(data_dir, manifest, digest)


def record_manifest(data: TrainingData, run_dir: Path) -> None:
    """Writes the manifest to the directory of a run that begins, so that it can resume with it.

    Raises:
      OSError: it cannot be written.
    """
    content = data.manifest.to_json().encode()
    is_same_file = hashlib.sha256(content).hexdigest() == data.manifest_sha256
    if is_same_file and not (run_dir / MANIFEST_NAME).exists():
        replace_file(run_dir / MANIFEST_NAME, content)


def dataset_at_start(data: TrainingData, run_dir: Path) -> TrainingData | None:
    """Returns the dataset as it was when an unfinished run began, if it was rebuilt since then.

    None if there is no such run, or the rebuilds have not kept the shards.
    """
    try:
        settings = read_json(run_dir / SETTINGS_NAME)
        trained_on, digest = Path(settings["data"]), settings["manifest_sha256"]
        if (
            digest == data.manifest_sha256
            or trained_on != data.data_dir.absolute()
            or (run_dir / METRICS_NAME).exists()
        ):
            return None
        manifest, found = load_manifest_with_sha256(run_dir, check_shards=False)
        check_shard_sizes(data.data_dir, manifest)
    except (OSError, ValueError, KeyError, TypeError, DatasetError):
        return None
    return TrainingData(data.data_dir, manifest, digest) if found == digest else None


def check_not_moved(model: str, output: Path | None, data: str | None) -> None:
    """Checks that the dataset of the run that a command would resume is where it was.

    Args:
      model: model name.
      output: the run directory, or the directory of several runs; None if none is given.
      data: the dataset that the command names; None if it names none.

    Raises:
      DatasetError: it is not, and the command does not say where it is now.
    """
    folder = output or RUNS / short_name(model)
    for run_dir in [folder, *sorted(folder.glob("*/"))]:
        try:
            trained_on = Path(read_json(run_dir / SETTINGS_NAME)["data"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        is_named = data is not None and Path(data).absolute() == trained_on
        is_needed = data is None and (output or not (run_dir / METRICS_NAME).exists())
        if (is_named or is_needed) and not (trained_on / MANIFEST_NAME).is_file():
            raise moved_dataset(run_dir, trained_on)


def moved_dataset(run_dir: Path, data_dir: Path) -> DatasetError:
    """Returns the error of a run whose dataset is no longer where it was."""
    return DatasetError(
        f"The dataset of the run in {run_dir} was in {data_dir}, where there is none now; name "
        f"where it is now with --data."
    )


def _check_splits(data_dir: Path, manifest: Manifest) -> None:
    if empty := [name for name in SPLITS if not manifest.splits[name].pairs]:
        raise DatasetError(
            f"{data_dir} has no {' and no '.join(empty)} pairs, but training needs all three "
            f"splits; build it with --split_fractions 80,10,10 from people with three videos or "
            f"more."
        )
    if len(manifest.people) < 2:
        raise DatasetError(
            f"{data_dir} has only one person, but training needs two or more; build it from more "
            f"people."
        )
    if untrained := [who for who, person in manifest.people.items() if not person.pairs["train"]]:
        raise DatasetError(
            f"{data_dir} has {counted(len(untrained), 'person', 'people')} without a training "
            f"pair, such as {untrained[0]}; leave them out with --exclude when building."
        )
