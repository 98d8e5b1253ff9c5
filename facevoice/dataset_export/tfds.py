"""Makes the shards of a dataset readable to TensorFlow Datasets.

TFDS finds shards by names such as `facevoice-train.tfrecord-00003-of-00008`, which have no place
for the digest in ours. So the shards are linked under its names, beside `features.json` and
`dataset_info.json` (tensorflow_datasets/core/proto/dataset_info.proto and feature.proto). Records
are unchanged: arrays are raw bytes, which TFDS decodes as tensors of the encoding 'bytes'. Features
that are in some records only are left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facevoice.dataset_export.rows import described_features
from tfdata.manifest import Manifest
from tfdata.schema import FACE_TIME

NAME, VERSION = "facevoice", "1.0.0"
FEATURES_NAME, INFO_NAME = "features.json", "dataset_info.json"
_CLASSES = "tensorflow_datasets.core.features."
_LINK = re.compile(rf"{NAME}-\w+\.tfrecord-\d+-of-\d+")
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


def write_tfds(folder: Path, data_dir: Path, manifest: Manifest) -> None:
    """Writes the links and the two JSON files.

    Args:
      folder: directory to write.
      data_dir: directory of the dataset.
      manifest: its manifest.

    Raises:
      OSError: a file cannot be linked or written.
    """
    for name, split in manifest.splits.items():
        for number, shard in enumerate(split.shards):
            link = folder / f"{NAME}-{name}.tfrecord-{number:05d}-of-{len(split.shards):05d}"
            _link(data_dir / shard.file, link)
    files = {FEATURES_NAME: features_json(manifest), INFO_NAME: info_json(manifest)}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")


def is_tfds_file(name: str) -> bool:
    """Returns whether `write_tfds` writes files of this name."""
    return name in (FEATURES_NAME, INFO_NAME) or _LINK.fullmatch(name) is not None


def features_json(manifest: Manifest) -> dict[str, Any]:
    """Returns the content of `features.json`."""
    features = {
        name: _feature(described)
        for name, described in described_features(manifest).items()
        if name != FACE_TIME
    }
    return {
        "pythonClassName": f"{_CLASSES}features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def info_json(manifest: Manifest) -> dict[str, Any]:
    """Returns the content of `dataset_info.json`."""
    return {
        "name": NAME,
        "version": VERSION,
        "description": "Pairs of face images and spectrograms, of FaceVoice.",
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": name,
                "filepathTemplate": _TEMPLATE,
                "numBytes": str(sum(shard.bytes for shard in split.shards)),
                "shardLengths": [str(shard.records) for shard in split.shards],
            }
            for name, split in manifest.splits.items()
            if split.shards
        ],
    }


def _feature(described: Mapping[str, Any]) -> dict[str, Any]:
    """Returns one feature, from its description in the manifest. 64-bit integers are texts."""
    if described["dtype"] == "string":
        return {"pythonClassName": f"{_CLASSES}text_feature.Text", "text": {}}
    if "shape" not in described:
        tensor = {"dtype": described["dtype"], "encoding": "none", "shape": {}}
        return {"pythonClassName": f"{_CLASSES}scalar.Scalar", "tensor": tensor}
    shape = {"dimensions": list(map(str, described["shape"]))} if described["shape"] else {}
    tensor = {"dtype": described["dtype"], "encoding": "bytes", "shape": shape}
    return {"pythonClassName": f"{_CLASSES}tensor_feature.Tensor", "tensor": tensor}


def _link(source: Path, link: Path) -> None:
    """Links a file hard, or symbolically where the file system or its rules forbid that."""
    target = source.resolve()  # a hard link to a relative symbolic link would lead elsewhere
    try:
        os.link(target, link)
    except OSError:
        link.symlink_to(target)
