"""Opens the dataset of a training. This module imports no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, load_manifest_with_sha256
from tfdata.schema import SPLITS
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
