"""Writes a shard as a tar file in the layout of WebDataset.

The files of an example have a common name, its number in the split, and an extension each:
`image.png`, `spectrogram.npy` (uint8 [bands, frames]) and `json` (`rows.facts`). Equal datasets
give equal bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from facevoice.dataset_export.rows import facts, png
from tfdata.examples import Example
from tfdata.manifest import Manifest

SUFFIX = ".tar"


def write_shard(path: Path, examples: Iterable[Example], first: int, manifest: Manifest) -> None:
    """Writes a tar file.

    Args:
      path: of the file, which does not exist.
      examples: of the shard.
      first: number of the first of them in the split.
      manifest: of the dataset.
    """
    with tarfile.open(path, "x", format=tarfile.GNU_FORMAT) as tar:
        for number, example in enumerate(examples, first):
            spectrogram = io.BytesIO()
            np.save(spectrogram, example.spectrogram)
            files = {
                "image.png": png(example.image),
                "spectrogram.npy": spectrogram.getvalue(),
                "json": json.dumps(facts(example, manifest), ensure_ascii=False).encode(),
            }
            for extension, content in files.items():
                entry = tarfile.TarInfo(f"{number:09d}.{extension}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
