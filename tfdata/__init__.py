"""Reads data sets: a manifest becomes a `tf.data.Dataset` of `(features, label)`.

Workers of a build import `tfdata.schema` and `tfdata.tfrecord` and must not pay for TensorFlow,
so what needs it is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfdata.errors import DatasetError
from tfdata.manifest import Manifest, load_manifest

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
