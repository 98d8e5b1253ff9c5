"""Opens the dataset of a training. This module imports no TensorFlow."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, load_manifest
from tfdata.schema import MANIFEST_NAME, SPLITS
from tfdata.storage.files import open_regular
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
    while True:  # a rebuild may replace the file between the two reads
        digest = _manifest_sha256(data_dir)
        manifest = load_manifest(data_dir)
        if digest == _manifest_sha256(data_dir):
            break
    _check_splits(data_dir, manifest)
    return TrainingData(data_dir, manifest, digest)


def _manifest_sha256(data_dir: Path) -> str:
    """Returns the SHA-256 of the manifest file; "" if it cannot be read."""
    with suppress(OSError), open_regular(data_dir / MANIFEST_NAME) as file:
        return hashlib.sha256(file.read()).hexdigest()
    return ""


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
