"""Reads, writes and lists a folder in Google Cloud Storage through Google's client."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, Any

import google.cloud.storage as storage
import requests
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, RetryError, Unauthorized
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from tfdata.storage.addresses import clause_of
from tfdata.storage.base import StorageError, StoredFile
from tfdata.storage.object_store import ObjectStorage

_FIELDS = "items(name,size,generation,timeCreated),prefixes,nextPageToken"
# Requests that fail with a temporary error are sent again for so long. The first one of a build is
# not, because there may be no server.
SECONDS_OF_BUILDS = 120.0
_SECONDS_OF_READERS = 30.0
_IMPATIENT_RETRY = DEFAULT_RETRY.with_timeout(1.0)
_CHUNK_BYTES = 8 << 20  # of an upload, in memory
_PARALLEL_REQUESTS = 8  # the client keeps ten connections


class GcsStorage(ObjectStorage):
    """Implements `WritableStorage` and `ListableStorage` for gs://bucket/folder.

    Google's client finds credentials in GOOGLE_APPLICATION_CREDENTIALS, and another server in
    STORAGE_EMULATOR_HOST.

    Args:
      url: the folder.
      retry_seconds: time for a request that fails with a temporary error. `is_empty` and
        `folders`, which a build calls first, take about a second.
    """

    def __init__(self, url: str, retry_seconds: float = _SECONDS_OF_READERS) -> None:
        self._url = url
        self._bucket, _, folder = url.removeprefix("gs://").partition("/")
        self._root = f"{folder}/" if folder else ""
        self._retry = DEFAULT_RETRY.with_timeout(retry_seconds)
        with self._errors():
            self._client = _client(_environment())

    def read(self, name: str) -> bytes:
        with self._errors(name):
            return self._blob(name).download_as_bytes(retry=self._retry)

    def download(self, name: str, file: IO[bytes]) -> None:
        with self._errors(name):
            self._blob(name).download_to_file(file, retry=self._retry)

    def is_empty(self) -> bool:
        with self._errors():
            found = self._blobs("", "", _IMPATIENT_RETRY, max_results=2)
            return all(blob.name == self._root for blob in found)

    def folders(self) -> list[str]:
        """Returns the names of the folders directly in this one."""
        with self._errors():
            found = self._blobs("", "/", _IMPATIENT_RETRY)
            for _ in found:  # the folders are known when all pages were read
                pass
            return sorted(name.removeprefix(self._root).rstrip("/") for name in found.prefixes)

    def upload(self, file: IO[bytes], name: str) -> None:
        """Uploads a file; one that is interrupted, also by kill -9, leaves no object."""
        with self._errors():
            blob = self._blob(name, _CHUNK_BYTES)
            blob.upload_from_file(file, size=_size(file), retry=self._retry)

    def delete(self, names: Iterable[str]) -> None:
        with self._errors(), ThreadPoolExecutor(_PARALLEL_REQUESTS) as threads:
            for _ in threads.map(self._delete, names):
                pass

    def _delete(self, name: str) -> None:
        with suppress(NotFound):
            self._blob(name).delete(retry=self._retry)

    def _list(self, prefix: str, delimiter: str = "") -> Iterator[StoredFile]:
        with self._errors():
            for blob in self._blobs(prefix, delimiter, self._retry):
                if not blob.name.endswith("/"):
                    path = blob.name.removeprefix(self._root)
                    modified = blob.time_created.timestamp()
                    yield StoredFile(path, blob.size, str(blob.generation), modified)

    def _blobs(
        self, prefix: str, delimiter: str, retry: Any, max_results: int | None = None
    ) -> Any:
        return self._client.list_blobs(
            self._bucket,
            prefix=self._root + prefix,
            delimiter=delimiter or None,
            fields=_FIELDS,
            max_results=max_results,
            retry=retry,
        )

    def _blob(self, name: str, chunk_size: int | None = None) -> Any:
        return self._client.bucket(self._bucket).blob(self._root + name, chunk_size)

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Translates the exceptions of Google's client."""
        try:
            yield
        except NotFound:
            if name:
                url = f"{self._url}/{name}"
                raise FileNotFoundError(errno.ENOENT, "there is no such object", url) from None
            reason = f"there is no bucket {self._bucket}; create it, or correct the address"
            raise StorageError(self._url, reason) from None
        except DataCorruption:
            reason = f"{name} was damaged or replaced while it was read; run the same command again"
            raise StorageError(self._url, reason) from None
        except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
            raise StorageError(self._url, _reason(self._bucket, error)) from None


def _size(file: IO[bytes]) -> int:
    """Returns the number of bytes after the position in a file: few are sent in one request."""
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(start)
    return end - start


@cache
def _client(environment: tuple[str | None, ...]) -> Any:
    """Returns a client for each state of the variables; it keeps the server it was made with."""
    del environment
    return storage.Client(project=None)  # reading needs none, and credentials may not name one


def _environment() -> tuple[str | None, ...]:
    names = ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS")
    return tuple(os.environ.get(name) for name in names)


def _reason(bucket: str, error: Exception) -> str:
    """Returns a clause that says why a request failed and what to do."""
    text = clause_of(error)
    if isinstance(error, Forbidden | Unauthorized):
        return (
            f"permission is denied in the bucket {bucket} ({text}); check the credentials, and "
            f"that they allow storage.objects.list and storage.objects.get there, and for a build "
            f"also storage.objects.create and storage.objects.delete"
        )
    if isinstance(error, DefaultCredentialsError):
        return "no credentials were found; set GOOGLE_APPLICATION_CREDENTIALS"
    if isinstance(error, requests.RequestException | RetryError):
        return f"{text}; check the network, and STORAGE_EMULATOR_HOST if it is set"
    return text
