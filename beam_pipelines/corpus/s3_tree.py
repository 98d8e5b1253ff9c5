"""A tree of media at s3://, through the client of Beam's file system for S3.

A file is read whole, into memory: faces are 6 KB, and a clip of VoxCeleb 256 KB. Headers are so
read whole, too, which reads each clip twice; a header read in part would take as many requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from beam_pipelines.corpus.trees import Entry, Trouble, is_medium
from beam_pipelines.errors import BuildError
from beam_pipelines.shards.s3_store import boto_client
from beam_pipelines.shards.storage_errors import refusal
from beam_pipelines.shards.stores import Address
from facevoice.features import MediaError, Reason


class S3Tree:
    """See `trees.Tree`; whatever the address refuses is raised as a BuildError."""

    def __init__(self, address: Address) -> None:
        self._url = address.url
        self._bucket, _, root = address.url.removeprefix("s3://").partition("/")
        self._root = f"{root}/" if root else ""
        with self._told():
            self._client = boto_client(address.beam_flags)

    def folders(self) -> list[str]:
        with self._told():
            pages = self._pages(self._root, Delimiter="/")
            keys = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ())]
        names = [PurePosixPath(key).name for key in keys]
        return [name for name in names if not name.startswith(".")]

    def files(self, folder: str, suffixes: tuple[str, ...]) -> Iterator[Entry | Trouble]:
        inside = f"{self._root}{folder}/"
        with self._told():
            for page in self._pages(inside):
                for item in page.get("Contents", ()):
                    below = item["Key"].removeprefix(inside)
                    if is_medium(PurePosixPath(below).name, suffixes):
                        yield Entry(below, f"{item['Size']}:{item['ETag']}")

    def source(self, path: str) -> BytesIO:
        with self._told():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._root + path)
                return BytesIO(answer["Body"].read())
            except self._client.exceptions.NoSuchKey:
                raise MediaError(Reason.UNREADABLE, "No such file or directory") from None

    def is_readable(self, path: str) -> bool:
        try:
            self.source(path)
        except (BuildError, MediaError):
            return False
        return True

    def _pages(self, prefix: str, **settings: str) -> Any:
        pages = self._client.get_paginator("list_objects_v2")
        return pages.paginate(Bucket=self._bucket, Prefix=prefix, **settings)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Makes one sentence of whatever the client raises."""
        try:
            yield
        except MediaError:
            raise
        except Exception as error:
            raise BuildError(str(refusal(self._url, error))) from None
