"""Reads from URLs through TensorFlow's file systems, which tensorflow-io adds to.

`TensorFlowStorage` reads from hdfs:// in this way unless FACEVOICE_WEBHDFS is set, and the workers
of a tf.data service read shards from any URL. TensorFlow is imported when it is first needed, and
never for a path on a disk.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

from tfdata.storage.addresses import masked_line
from tfdata.storage.base import COPY_BYTES, StorageError, is_address

_PARALLEL_REQUESTS = 16


@cache
def register_file_systems() -> Any:
    """Registers the file systems for URLs; returns the module `tensorflow`.

    AWS_ENDPOINT_URL, the variable of boto3, counts here too unless S3_ENDPOINT, the variable of
    tensorflow-io, is set. Downloads in several parts are switched off, because the retry of a
    failed part corrupts what is read (DataLossError).
    """
    os.environ.setdefault("S3_DISABLE_MULTI_PART_DOWNLOAD", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        os.environ.setdefault("S3_ENDPOINT", endpoint)
    import tensorflow as tf

    if importlib.util.find_spec("tensorflow_io"):  # none for Python 3.13
        import tensorflow_io  # noqa: F401  (registers the file systems)

        _exit_without_destructors()
    return tf


def tensorflow_paths(folder: str | Path, names: Iterable[str]) -> list[str]:
    """Returns the paths or URLs of files in a folder, as TensorFlow opens them."""
    if is_address(folder):
        register_file_systems()
    return [f"{str(folder).rstrip('/')}/{name}" for name in names]


class TensorFlowStorage:
    """Implements `Storage` for a URL that TensorFlow knows."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._tf = register_file_systems()

    def read(self, name: str) -> bytes:
        # In pieces: to read all at once asks for the size, and takes a denied request for absence.
        with self._errors(name), self._tf.io.gfile.GFile(self._at(name), "rb") as file:
            return b"".join(iter(partial(file.read, COPY_BYTES), b""))

    def download(self, name: str, file: IO[bytes]) -> None:
        with self._errors(name), self._tf.io.gfile.GFile(self._at(name), "rb") as source:
            shutil.copyfileobj(source, file, COPY_BYTES)

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        names = list(names)
        with ThreadPoolExecutor(_PARALLEL_REQUESTS) as threads:
            found = zip(names, threads.map(self._size, names), strict=True)
            return {name: size for name, size in found if size is not None}

    def _size(self, name: str) -> int | None:
        try:
            with self._errors(name):
                return self._tf.io.gfile.stat(self._at(name)).length
        except FileNotFoundError:
            return None

    def _at(self, name: str) -> str:
        return f"{self._url}/{name}"

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Translates TensorFlow's exceptions."""
        errors = self._tf.errors
        try:
            yield
        except errors.NotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, _text(error), self._at(name)) from None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
            reason = f"permission is denied ({_text(error)}); check the credentials"
            raise StorageError(self._at(name), reason) from None
        except errors.UnimplementedError as error:
            reason = f"{_text(error)}; use s3:// or gs://, or hdfs:// with tensorflow-io"
            raise StorageError(self._at(name), reason) from None
        except errors.OpError as error:
            reason = f"{_text(error) or type(error).__name__}; check the network"
            raise StorageError(self._at(name), reason) from None


def _text(error: Exception) -> str:
    return masked_line(str(getattr(error, "message", error)))


def _exit_without_destructors() -> None:
    """Works around a crash of tensorflow-io 0.37 at exit; the exit status is kept.

    tensorflow-io holds a client for S3 in a global variable. Its destructor calls a logger that has
    been destroyed already, and aborts with status 134 (tensorflow/io#1912). The C library
    runs exit handlers in reverse order, after Python has ended and flushed its files. So this one
    runs before any destructor, and ends the process with the status that it had.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "on_exit"):  # of Linux
        library.on_exit(library._exit, None)
