"""Builds with TensorFlow Datasets, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import build_common
import tfds_pairs
from protocol import serve


def build(faces: Path, audio: Path, pairs: int, output: Path) -> dict[str, Any]:
    builder = tfds_pairs.Pairs(faces=faces, audio=audio, data_dir=output)
    builder.download_and_prepare()
    if builder.info.splits["train"].num_examples != pairs:
        raise ValueError("pairs are missing")
    return {}


serve(build_common.tasks(build, tfds_pairs.arrays))
