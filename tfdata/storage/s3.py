"""Reads, writes and lists a folder in S3 through boto3."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from io import BytesIO
from typing import IO, Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tfdata.storage.addresses import clause_of
from tfdata.storage.base import StorageError, StoredFile
from tfdata.storage.object_store import ObjectStorage
from tfdata.storage.transfers import broken_off_reason, copy_resuming

# In this thread, so Ctrl-C reaches an upload, which then removes its parts; one part of 8 MB is in
# memory at a time.
_TRANSFER = TransferConfig(use_threads=False)
_KEYS_PER_DELETION = 1000  # S3's limit
# Attempts at a request where the server fails for a moment, if AWS_MAX_ATTEMPTS does not say
# otherwise. Pauses grow to 20 s, so builds go on for about two minutes, readers for half a minute.
ATTEMPTS_OF_BUILDS = 16
_ATTEMPTS_OF_READERS = 7
_BROKEN_OFF = (ReadTimeoutError, IncompleteReadError, ResponseStreamingError)
_Settings = tuple[tuple[str, Any], ...]


class S3Storage(ObjectStorage):
    """Implements `WritableStorage` and `ListableStorage` for s3://bucket/folder.

    Args:
      url: the folder.
      client_settings: arguments of boto3's client. Unless they say otherwise, boto3 finds
        credentials, region and endpoint in its variables, such as AWS_ENDPOINT_URL, and files.
      attempts: at a request where the server fails for a moment. `is_empty` and `folders`, which
        a build calls first, fail within a second if nobody answers.
    """

    def __init__(
        self,
        url: str,
        client_settings: Mapping[str, Any] | None = None,
        attempts: int = _ATTEMPTS_OF_READERS,
    ) -> None:
        self._url = url
        self._bucket, _, folder = url.removeprefix("s3://").partition("/")
        self._root = f"{folder}/" if folder else ""
        self._settings = tuple((client_settings or {}).items())
        with self._errors():
            self._client = _client(self._settings, attempts, _environment())

    def read(self, name: str) -> bytes:
        file = BytesIO()
        self.download(name, file)
        return file.getvalue()

    def download(self, name: str, file: IO[bytes]) -> None:
        """Copies a file in one request; boto3's `download_fileobj` sends two."""
        rest: dict[str, str] = {}  # that a request for the rest is of the same object

        def open_at(offset: int) -> AbstractContextManager[Any]:
            part = {"Range": f"bytes={offset}-", **rest} if offset else {}
            response = self._client.get_object(Bucket=self._bucket, Key=self._root + name, **part)
            rest["IfMatch"] = response["ETag"]
            return closing(response["Body"])

        with self._errors(name):
            copy_resuming(open_at, file, _BROKEN_OFF)

    def is_empty(self) -> bool:
        with self._errors():
            for page in self._pages(self._impatient_client()):
                if any(found["Key"] != self._root for found in page.get("Contents", ())):
                    return False
        return True

    def folders(self) -> list[str]:
        """Returns the names of the folders directly in this one."""
        with self._errors():
            return [
                found["Prefix"].removeprefix(self._root).rstrip("/")
                for page in self._pages(self._impatient_client(), delimiter="/")
                for found in page.get("CommonPrefixes", ())
            ]

    def upload(self, file: IO[bytes], name: str) -> None:
        with self._errors(name):
            self._client.upload_fileobj(file, self._bucket, self._root + name, Config=_TRANSFER)

    def delete(self, names: Iterable[str]) -> None:
        keys = [{"Key": self._root + name} for name in names]
        for first in range(0, len(keys), _KEYS_PER_DELETION):
            batch = {"Objects": keys[first : first + _KEYS_PER_DELETION], "Quiet": True}
            with self._errors():
                response = self._client.delete_objects(Bucket=self._bucket, Delete=batch)
                for error in response.get("Errors", ()):
                    raise ClientError({"Error": error}, "DeleteObjects")

    def _list(self, prefix: str, delimiter: str = "") -> Iterator[StoredFile]:
        with self._errors():
            for page in self._pages(self._client, prefix, delimiter):
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):  # consoles make such objects for folders
                        path = found["Key"].removeprefix(self._root)
                        modified = found["LastModified"].timestamp()
                        yield StoredFile(path, found["Size"], found["ETag"], modified)

    def _pages(self, client: Any, prefix: str = "", delimiter: str = "") -> Any:
        pages = client.get_paginator("list_objects_v2")
        return pages.paginate(Bucket=self._bucket, Prefix=self._root + prefix, Delimiter=delimiter)

    def _impatient_client(self) -> Any:
        return _client(self._settings, None, _environment())

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Translates the exceptions of boto3."""
        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError, ValueError) as error:
            if name and _code(error) in ("NoSuchKey", "404"):
                raise FileNotFoundError(
                    errno.ENOENT, "NoSuchKey: there is no such object", f"{self._url}/{name}"
                ) from None
            raise StorageError(self._url, _reason(self._bucket, error)) from None


def endpoint_of_tensorflow() -> dict[str, str]:
    """Returns the client settings for S3_ENDPOINT, the variable of tensorflow-io, if it is set."""
    endpoint = os.environ.get("S3_ENDPOINT")
    if not endpoint:
        return {}
    if "://" not in endpoint:
        scheme = "http" if os.environ.get("S3_USE_HTTPS") == "0" else "https"
        endpoint = f"{scheme}://{endpoint}"
    return {"endpoint_url": endpoint}


@cache
def _client(
    settings: _Settings, attempts: int | None, environment: tuple[tuple[str, str], ...]
) -> Any:
    """Returns a client, which takes 0.1 s to make; threads may share it.

    A client keeps the credentials and endpoint that it was made with, so there is one for each
    state of the variables. Without `attempts`, boto3's default of 3 counts.
    """
    config = None
    if attempts is not None and "AWS_MAX_ATTEMPTS" not in dict(environment):
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    return boto3.session.Session().client("s3", config=config, **dict(settings))


def _environment() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))


def _code(error: Exception) -> str:
    return str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))


def _reason(bucket: str, error: Exception) -> str:
    """Returns a clause that says why a request failed and what to do."""
    text = clause_of(error)
    if isinstance(error, _BROKEN_OFF):
        return broken_off_reason(text)
    code = _code(error)
    if _status(error) == 412:  # IfMatch
        return f"an object was replaced while it was read ({text}); try again"
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket} ({code}); create it, or correct the address"
    if code in ("AccessDenied", "Forbidden", "403") or _status(error) == 403:
        operation = getattr(error, "operation_name", "request")
        return (
            f"permission is denied in the bucket {bucket} ({operation}: {code}); check "
            f"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they allow "
            f"s3:ListBucket and s3:GetObject there, and for a build also s3:PutObject and "
            f"s3:DeleteObject"
        )
    if re.search("credentials|profile", text):
        return f"{text}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if "endpoint URL" in text:
        return f"{text}; check AWS_ENDPOINT_URL, or --s3_endpoint_url of the build"
    return text


def _status(error: Exception) -> int | None:
    metadata = (getattr(error, "response", None) or {}).get("ResponseMetadata", {})
    return metadata.get("HTTPStatusCode")
