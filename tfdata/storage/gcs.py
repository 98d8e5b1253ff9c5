"""Lists and reads a folder in Google Cloud Storage through Google's client."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import IO, Any

import google.cloud.storage as storage
import requests
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.storage.retry import DEFAULT_RETRY

from tfdata.storage.addresses import mask_secrets
from tfdata.storage.base import StorageError, StoredFile
from tfdata.text import uncapitalized

_FIELDS = "items(name,size,generation,timeCreated),prefixes,nextPageToken"
# Requests that fail with a temporary error are sent again for so long; the first one of a build not
# as long, because there may be no server.
_RETRY = DEFAULT_RETRY.with_timeout(120.0)
_IMPATIENT_RETRY = DEFAULT_RETRY.with_timeout(1.0)


class GcsStorage:
    """Implements `ListableStorage` for gs://bucket/folder.

    Google's client finds credentials in GOOGLE_APPLICATION_CREDENTIALS, and another server in
    STORAGE_EMULATOR_HOST.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._bucket, _, folder = url.removeprefix("gs://").partition("/")
        self._root = f"{folder}/" if folder else ""
        with self._errors():
            self._client = _client(_environment())

    def read(self, name: str) -> bytes:
        with self._errors(name):
            return self._blob(name).download_as_bytes(retry=_RETRY)

    def download(self, name: str, file: IO[bytes]) -> None:
        with self._errors(name):
            self._blob(name).download_to_file(file, retry=_RETRY)

    def folders(self) -> list[str]:
        with self._errors():
            listed = self._list("", "/", _IMPATIENT_RETRY)
            for _ in listed:  # the folders are known when all pages were read
                pass
            return sorted(name.removeprefix(self._root).rstrip("/") for name in listed.prefixes)

    def list_files(self, folder: str = "") -> dict[str, int]:
        inside = f"{folder}/" if folder else ""
        return {file.path.removeprefix(inside): file.size for file in self._files(inside, "/")}

    def walk(self, folder: str) -> Iterator[StoredFile]:
        inside = f"{folder}/"
        for file in self._files(inside):
            path = file.path.removeprefix(inside)
            yield StoredFile(path, file.size, file.version, file.modified)

    def _files(self, prefix: str, delimiter: str | None = None) -> Iterator[StoredFile]:
        """Yields the objects whose paths begin with a prefix, relative to the folder."""
        with self._errors():
            for blob in self._list(prefix, delimiter, _RETRY):
                if not blob.name.endswith("/"):  # consoles make such objects for folders
                    path = blob.name.removeprefix(self._root)
                    modified = blob.time_created.timestamp()
                    yield StoredFile(path, blob.size, str(blob.generation), modified)

    def _list(self, prefix: str, delimiter: str | None, retry: Any) -> Any:
        return self._client.list_blobs(
            self._bucket,
            prefix=self._root + prefix,
            delimiter=delimiter,
            fields=_FIELDS,
            retry=retry,
        )

    def _blob(self, name: str) -> Any:
        return self._client.bucket(self._bucket).blob(self._root + name)

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
        except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
            raise StorageError(self._url, _reason(self._bucket, error)) from None


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
    text = mask_secrets(" ".join(str(error).split()).rstrip("."))
    if isinstance(error, Forbidden | Unauthorized):
        return (
            f"permission is denied in the bucket {bucket} ({text}); check the credentials, and "
            f"that they allow storage.objects.list and storage.objects.get there"
        )
    if isinstance(error, DefaultCredentialsError):
        return "no credentials were found; set GOOGLE_APPLICATION_CREDENTIALS"
    return uncapitalized(text) or type(error).__name__
