"""Writes and reads files of arrays, `.npz`, whose bytes depend on the arrays alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def write_arrays(arrays: Mapping[str, Floats]) -> bytes:
    """Returns the content of an uncompressed `.npz` of arrays, which `numpy.load` reads.

    In it are no times and no facts about the machine, which `numpy.savez` would leave to chance.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy")  # of 1980
            entry.create_system = 3
            array = io.BytesIO()
            np.lib.format.write_array(
                array, np.ascontiguousarray(arrays[name], "<f4"), version=(1, 0)
            )
            archive.writestr(entry, array.getvalue())
    return file.getvalue()


def parse_arrays(content: bytes) -> dict[str, Floats]:
    """Returns the arrays of a file of `write_arrays`, by name."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
