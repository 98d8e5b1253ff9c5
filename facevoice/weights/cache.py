"""Reads weights from the cache directory and checks their digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevoice.weights.archives import Archive
from facevoice.weights.array_file import parse_arrays
from tfdata.errors import FaceVoiceError
from tfdata.storage.files import open_regular

ADVICE = "fetch them with 'python -m facevoice.weights' (or 'make weights')"


class WeightsError(FaceVoiceError):
    """Raised for weights that are missing, damaged, or cannot be fetched."""


def cache_dir() -> Path:
    """Returns the cache directory of this project, which may not exist."""
    if own := os.environ.get("FACEVOICE_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "facevoice"


def weights_dir(archive: Archive) -> Path:
    """Returns the directory of an archive's files, which may not exist."""
    return cache_dir() / "weights" / f"{archive.package}-{archive.version}"


def read_weights(archive: Archive, name: str) -> bytes:
    """Reads one of the files of an archive and checks its digest.

    Args:
      archive: the archive.
      name: file name in the cache, one of `archive.stored`.

    Raises:
      WeightsError: the file is missing, cannot be read, or has another content.
    """
    path = weights_dir(archive) / name
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        reason = error.strerror
        raise WeightsError(f"The weights {path} cannot be read ({reason}); {ADVICE}.") from None
    if sha256(content) != archive.stored[name]:
        raise WeightsError(f"The weights {path} are damaged (wrong SHA-256); {ADVICE}.")
    return content


def read_arrays(archive: Archive) -> dict[str, NDArray[np.float32]]:
    """Reads the arrays of an archive with one converted file; see `read_weights`."""
    (name,) = archive.stored
    return parse_arrays(read_weights(archive, name))


def weights_digest(archive: Archive) -> str | None:
    """Returns a digest of the files of an archive, or None unless all are there and whole."""
    return archive.digest if is_complete(archive) else None


def is_complete(archive: Archive) -> bool:
    """Returns whether all files of an archive are there and whole."""
    try:
        for name in archive.stored:
            read_weights(archive, name)
    except WeightsError:
        return False
    return True


def sha256(content: bytes) -> str:
    """Returns the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
