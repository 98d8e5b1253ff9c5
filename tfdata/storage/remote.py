"""Data sets at an address, such as s3://bucket/set: read through tensorflow-io's file systems.

TensorFlow is loaded on the first question about an address, and never for a path on a disk.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeGuard

from tfdata.errors import DatasetError
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.addresses import mask_secrets

_QUESTIONS_AT_A_TIME = 16
_PIECE_BYTES = 1 << 20


def is_address(folder: str | Path) -> TypeGuard[str]:
    """Whether this is no path on a disk; an address must stay text, as `Path` drops a slash."""
    return isinstance(folder, str) and "://" in folder


def join(folder: str | Path, name: str) -> str:
    """A file of a folder or of an address, as TensorFlow takes it."""
    return f"{folder.rstrip('/')}/{name}" if isinstance(folder, str) else str(folder / name)


@cache
def prepare() -> Any:
    """Makes TensorFlow know addresses; returns it.

    AWS_ENDPOINT_URL, which the build and other tools heed, counts here too unless S3_ENDPOINT, the
    variable of tensorflow-io, is set. Its downloads in several parts are switched off: a part that
    fails and is asked for again spoils what was read (DataLossError).
    """
    os.environ.setdefault("S3_DISABLE_MULTI_PART_DOWNLOAD", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        os.environ.setdefault("S3_ENDPOINT", endpoint)
    import tensorflow as tf
    import tensorflow_io  # noqa: F401  (registers the file systems)

    _end_without_destructors()
    return tf


def read_manifest(folder: str) -> str:
    """The text of a manifest.

    Raises:
      DatasetError: there is none, or it cannot be read.
    """
    tf = prepare()
    try:
        with tf.io.gfile.GFile(join(folder, MANIFEST_NAME), "rb") as file:
            # In pieces, as to read all asks for the size, and takes a refusal of that for absence.
            return b"".join(iter(partial(file.read, _PIECE_BYTES), b"")).decode()
    except tf.errors.NotFoundError as error:
        raise DatasetError(
            f"{folder} holds no {MANIFEST_NAME} ({_text(error)}); check the address, or build a "
            f"data set with 'python -m beam_pipelines.build --output {folder}'."
        ) from None
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        raise DatasetError(f"{folder} cannot be read: {_why(folder, error)}.") from None


def sizes(folder: str, names: Iterable[str]) -> dict[str, int]:
    """Bytes of some files at an address; those that are not there are left out.

    Raises:
      DatasetError: the store does not tell.
    """
    prepare()
    names = list(names)
    with ThreadPoolExecutor(_QUESTIONS_AT_A_TIME) as threads:
        found = threads.map(partial(_size, folder), names)
        return {name: size for name, size in zip(names, found, strict=True) if size is not None}


def _size(folder: str, name: str) -> int | None:
    tf = prepare()
    try:
        return tf.io.gfile.stat(join(folder, name)).length
    except tf.errors.NotFoundError:
        return None
    except tf.errors.OpError as error:
        raise DatasetError(f"{folder}/{name} cannot be read: {_why(folder, error)}.") from None


def _why(folder: str, error: Exception) -> str:
    """Half a sentence for what TensorFlow says of an address."""
    tf = prepare()
    text = _text(error)
    if isinstance(error, tf.errors.PermissionDeniedError | tf.errors.UnauthenticatedError):
        if folder.startswith("s3://"):
            return (
                "permission is denied; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                "AWS_SESSION_TOKEN, and that they allow s3:ListBucket and s3:GetObject there"
            )
        return f"permission is denied ({text}); check the credentials"
    if isinstance(error, tf.errors.UnimplementedError):
        return f"{text}; use s3://, gs:// or hdfs://"
    return f"{text or type(error).__name__}; check the network, and AWS_ENDPOINT_URL if it is set"


def _text(error: Exception) -> str:
    return mask_secrets(" ".join(str(getattr(error, "message", error)).split()).rstrip("."))


def _end_without_destructors() -> None:
    """Lets the process end with its own status.

    tensorflow-io 0.37 holds a client of Amazon's in a global variable, whose destructor calls a
    logger that is gone by then, and aborts with status 134 (tensorflow/io, issue 1912). The C
    library runs what was registered last first, when Python has ended and flushed; so the process
    ends there, with the status that it would have had, and no destructor runs.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "on_exit"):  # of Linux
        library.on_exit(library._exit, None)
