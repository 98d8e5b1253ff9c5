"""Reads datasets as `tf.data.Dataset` of `(features, label)`.

Workers of a build import `tfdata.schema`, `tfdata.manifest` and `tfdata.tfrecord`. To keep
TensorFlow out of them, names that need it are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest
from tfdata.manifest_reader import load_manifest

if TYPE_CHECKING:
    from tfdata.loader import load
    from tfdata.options import ReadOptions

__all__ = ["DatasetError", "Manifest", "ReadOptions", "load", "load_manifest"]


def __getattr__(name: str) -> Any:
    if name == "ReadOptions":
        from tfdata.options import ReadOptions

        return ReadOptions
    if name == "load":
        from tfdata.loader import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
