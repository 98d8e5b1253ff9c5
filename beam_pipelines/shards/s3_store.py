"""A data set's folder at s3://, through Beam's client for S3.

Beam's file system asks with a new client each time, which takes 0.1 s to make; here a thread keeps
its own. (A client remembers what it is reading, so that threads cannot share one.)
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable
from typing import IO, Any

from apache_beam.io.aws import s3io
from apache_beam.options.pipeline_options import PipelineOptions

from beam_pipelines.shards.beam_store import BeamStore
from beam_pipelines.shards.stores import Address

_COPY_BYTES = 1 << 20
_kept = threading.local()


class S3Store(BeamStore):
    """See `stores.Store`."""

    def __init__(self, address: Address) -> None:
        logging.getLogger().addFilter(_is_not_of_s3)
        self._flags = address.beam_flags
        super().__init__(address)

    def holds_anything(self) -> bool:
        """Asked first, and once, past Beam.

        Beam takes a bucket that does not exist for an empty one; and where credentials are missing
        or nobody answers, it asks again for ten minutes.
        """
        bucket, _, prefix = self._url.removeprefix("s3://").partition("/")
        with self._told():
            client = _new_client(self._flags).client.client
            client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return super().holds_anything()

    def _connected(self, address: Address) -> Any:
        return _kept_client(address.beam_flags)

    def _listed(self, inside: str) -> Iterable[tuple[str, int]]:
        """A listing goes down into folders."""
        found = self._files.list_files(inside)
        return [(url, size) for url, size in found if "/" not in url.removeprefix(inside)]

    def _size(self, url: str) -> int | None:
        return self._files.size(url) if self._files.exists(url) else None

    def _open(self, url: str) -> Any:
        return self._files.open(url, "rb")

    def _upload(self, file: IO[bytes], url: str) -> None:
        with self._files.open(url, "wb") as far:
            shutil.copyfileobj(file, far, _COPY_BYTES)
            if not far.tell():  # S3 completes no upload without a part, and Beam makes none
                far.raw._uploader._write_to_s3(b"")

    def _delete(self, urls: list[str]) -> None:
        for _, error in self._files.delete_files(urls):
            if error is not None:
                raise error


def boto_client(flags: tuple[str, ...]) -> Any:
    """The client below Beam's, which lists by folder; a thread's own."""
    return _kept_client(flags).client.client


def _kept_client(flags: tuple[str, ...]) -> Any:
    clients = _kept.__dict__.setdefault("clients", {})
    # A client goes on asking the endpoint that it was made for.
    leading_to = flags, os.environ.get("AWS_ENDPOINT_URL")
    if leading_to not in clients:
        clients[leading_to] = _new_client(flags)
    return clients[leading_to]


def _new_client(flags: tuple[str, ...]) -> Any:
    return s3io.S3IO(options=PipelineOptions(list(flags)))


def _is_not_of_s3(record: logging.LogRecord) -> bool:
    """What Beam's client says before it raises the same is said once."""
    return record.module != "s3io"
