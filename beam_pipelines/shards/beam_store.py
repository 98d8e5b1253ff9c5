"""A data set's folder that one of Beam's file systems keeps: gs://, hdfs://; s3:// has `s3_store`.

A shard is written on a disk of the worker and uploaded when it is whole: its name has the digest of
its content, which is known only then, and an object store has no renaming. What is uploaded appears
when its upload completes; where files can be renamed (HDFS), it gets its name when it is whole.

A store has no locks, so a second build into the same address is kept out by nobody; what it could
do is found out before a manifest is written (see `folder.publish`).
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from beam_pipelines.shards.storage_errors import refusal
from beam_pipelines.shards.stores import LOCK_NAME, Address

_COPY_BYTES = 1 << 20
_AS_IT_IS = CompressionTypes.UNCOMPRESSED  # whatever a name ends in


class BeamStore:
    """See `stores.Store`; whatever the address answers is raised as a `refusals.AddressError`."""

    poll_seconds = 5.0  # each question is a request that costs money

    def __init__(self, address: Address) -> None:
        self._url = address.url
        with self._told():
            self._files = self._connected(address)

    def holds_anything(self) -> bool:
        return bool(self.sizes())

    @contextmanager
    def claimed(self) -> Iterator[None]:
        self.replace({LOCK_NAME: b"A build writes here, or has written here.\n"})
        yield

    def sizes(self, folder: str = "") -> dict[str, int]:
        inside = self._at(f"{folder}/" if folder else "")
        with self._told():
            return {url.rpartition("/")[2]: size for url, size in self._listed(inside)}

    def read(self, name: str) -> bytes:
        with self._told(), self._open(self._at(name)) as file:
            return file.read()

    def replace(self, contents: Mapping[str, bytes]) -> None:
        for name, content in contents.items():
            with BytesIO(content) as file:
                self.publish(file, name)

    def settle(self) -> None:
        """Nothing to wait for: an upload that completes is there to stay."""

    @contextmanager
    def new_file(self, label: str) -> Iterator[IO[bytes]]:
        del label
        with tempfile.TemporaryFile() as file:  # without a name, so kill -9 leaves nothing
            yield file

    def publish(self, file: IO[bytes], name: str) -> None:
        file.seek(0)
        with self._told():
            _unbroken(lambda: self._upload(file, self._at(name)))

    def still_holds(self, name: str, size: int, sha256: str) -> bool:
        """By its size: reading all back would take as long as writing, and stores do not rot."""
        del sha256
        with self._told():
            return self._size(self._at(name)) == size

    def last_read(self, names: Iterable[str]) -> dict[str, float]:
        """Returns nothing: stores do not record it."""
        del names
        return {}

    @contextmanager
    def near(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="facevoice-") as scratch:
            copy = Path(scratch) / name
            with self._told(), self._open(self._at(name)) as far, copy.open("wb") as file:
                shutil.copyfileobj(far, file, _COPY_BYTES)
            yield copy

    def delete(self, names: Iterable[str]) -> None:
        with self._told():
            self._delete([self._at(name) for name in names])

    def _at(self, name: str) -> str:
        return f"{self._url}/{name}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Makes one sentence of whatever Beam raises."""
        try:
            yield
        except Exception as error:
            raise refusal(self._url, error) from None

    # What follows asks Beam, and lets it raise what it likes.

    def _connected(self, address: Address) -> Any:
        FileSystems.set_options(PipelineOptions(list(address.beam_flags)))
        return FileSystems.get_filesystem(address.url)

    def _listed(self, inside: str) -> Iterable[tuple[str, int]]:
        if self._files.has_dirs() and not self._files.exists(inside):
            return []
        found = self._files.match([f"{inside}*"])[0].metadata_list
        return [(file.path, file.size_in_bytes) for file in found]

    def _size(self, url: str) -> int | None:
        return self._files.metadata(url).size_in_bytes if self._files.exists(url) else None

    def _open(self, url: str) -> Any:
        if not self._files.exists(url):
            raise FileNotFoundError(errno.ENOENT, "there is no such file", url)
        return self._files.open(url, compression_type=_AS_IT_IS)

    def _upload(self, file: IO[bytes], url: str) -> None:
        renames = self._files.has_dirs()
        first = f"{url}.{uuid.uuid4().hex}.tmp" if renames else url
        with self._files.create(first, compression_type=_AS_IT_IS) as far:
            shutil.copyfileobj(file, far, _COPY_BYTES)
        if renames:
            self._delete([url])  # HDFS renames to no name that is taken
            self._files.rename([first], [url])

    def _delete(self, urls: list[str]) -> None:
        if self._files.has_dirs():
            urls = [url for url in urls if self._files.exists(url)]
        self._files.delete(urls)


def _unbroken(upload: Callable[[], None]) -> None:
    """Runs an upload where no Ctrl-C reaches it, as Beam completes even what is broken off."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(upload).result()
