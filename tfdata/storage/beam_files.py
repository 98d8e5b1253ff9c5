"""Reads and writes a folder through Beam's file systems: hdfs:// for builds.

A file is written under a temporary name first where files can be renamed, as in HDFS. Elsewhere, an
object appears when its upload is complete.
"""

from __future__ import annotations

import errno
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    HadoopFileSystemOptions,
    PipelineOptions,
    S3Options,
)

from tfdata.storage.addresses import clause_of
from tfdata.storage.base import COPY_BYTES, Address, StorageError
from tfdata.text import agree, listed

_UNCOMPRESSED = CompressionTypes.UNCOMPRESSED  # whatever a name ends in
_NOT_INSTALLED = re.compile("ensure the required dependency|dependencies are not installed")


def s3_client_settings(beam_flags: tuple[str, ...]) -> dict[str, Any]:
    """Returns the arguments of boto3's client that Beam's flags for S3 stand for."""
    options = PipelineOptions(list(beam_flags)).view_as(S3Options)
    settings = {
        "aws_access_key_id": options.s3_access_key_id,
        "aws_secret_access_key": options.s3_secret_access_key,
        "aws_session_token": options.s3_session_token,
        "endpoint_url": options.s3_endpoint_url,
        "region_name": options.s3_region_name,
        "api_version": options.s3_api_version,
        "verify": options.s3_verify,
        "use_ssl": False if options.s3_disable_ssl else None,
    }
    return {name: value for name, value in settings.items() if value is not None}


def hdfs_settings(address: Address) -> tuple[str, str, str]:
    """Returns path, server and user of a folder in HDFS, by Beam's flags for HDFS.

    Raises:
      StorageError: a flag is missing.
    """
    options = PipelineOptions(list(address.beam_flags)).view_as(HadoopFileSystemOptions)
    needed = {name: getattr(options, name) for name in ("hdfs_host", "hdfs_port", "hdfs_user")}
    if missing := [f"--{name}" for name, value in needed.items() if value is None]:
        raise StorageError(
            address.url,
            f"hdfs:// needs {listed(missing)}; give {agree(len(missing), 'it', 'them')}",
        )
    path = address.url.removeprefix("hdfs://")
    if options.hdfs_full_urls:
        path = path.partition("/")[2]
    server = f"http://{needed['hdfs_host']}:{needed['hdfs_port']}"
    return f"/{path.lstrip('/')}", server, needed["hdfs_user"]


class BeamStorage:
    """Implements `WritableStorage` for a URL that a file system of Beam's knows."""

    def __init__(self, address: Address) -> None:
        self._url = address.url
        if address.url.startswith("hdfs://"):
            hdfs_settings(address)  # names missing flags
        with self._errors():
            FileSystems.set_options(PipelineOptions(list(address.beam_flags)))
            self._files = FileSystems.get_filesystem(address.url)

    def read(self, name: str) -> bytes:
        with self._errors(), self._open(name) as file:
            return file.read()

    def download(self, name: str, file: IO[bytes]) -> None:
        with self._errors(), self._open(name) as source:
            shutil.copyfileobj(source, file, COPY_BYTES)

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        with self._errors():
            urls = {name: f"{self._url}/{name}" for name in names}
            return {
                name: self._files.metadata(url).size_in_bytes
                for name, url in urls.items()
                if self._files.exists(url)
            }

    def is_empty(self) -> bool:
        return not self.list_files()

    def list_files(self, folder: str = "") -> dict[str, int]:
        inside = f"{self._url}/{folder}/" if folder else f"{self._url}/"
        with self._errors():
            if self._files.has_dirs() and not self._files.exists(inside):
                return {}
            found = self._files.match([f"{inside}*"])[0].metadata_list
            return {file.path.rpartition("/")[2]: file.size_in_bytes for file in found}

    def upload(self, file: IO[bytes], name: str) -> None:
        with self._errors():
            _run_uninterrupted(lambda: self._upload(file, f"{self._url}/{name}"))

    def delete(self, names: Iterable[str]) -> None:
        with self._errors():
            self._delete([f"{self._url}/{name}" for name in names])

    def _open(self, name: str) -> Any:
        url = f"{self._url}/{name}"
        if not self._files.exists(url):
            raise FileNotFoundError(errno.ENOENT, "there is no such file", url)
        return self._files.open(url, compression_type=_UNCOMPRESSED)

    def _upload(self, file: IO[bytes], url: str) -> None:
        renames = self._files.has_dirs()
        first = f"{url}.{uuid.uuid4().hex}.tmp" if renames else url
        with self._files.create(first, compression_type=_UNCOMPRESSED) as target:
            shutil.copyfileobj(file, target, COPY_BYTES)
        if renames:
            self._delete([url])  # HDFS does not rename to a name that exists
            self._files.rename([first], [url])

    def _delete(self, urls: list[str]) -> None:
        if self._files.has_dirs():
            urls = [url for url in urls if self._files.exists(url)]
        self._files.delete(urls)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translates whatever Beam raises; a FileNotFoundError stays one."""
        try:
            yield
        except Exception as error:
            cause = _innermost(error)
            if isinstance(cause, FileNotFoundError):
                raise cause from None
            raise StorageError(self._url, _reason(self._url, cause)) from None


def _run_uninterrupted(upload: Callable[[], None]) -> None:
    """Runs an upload in a thread, which Ctrl-C does not reach: Beam publishes partial files."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(upload).result()


def _innermost(error: BaseException) -> BaseException:
    """Returns the cause of an error of Beam's, which has it in a dictionary, by path."""
    while details := getattr(error, "exception_details", None):
        if not isinstance(details, dict):
            return details if isinstance(details, BaseException) else error
        error = next(iter(details.values()))
    return error


def _reason(url: str, error: BaseException) -> str:
    """Returns a clause that says why a request failed and what to do."""
    scheme = url.partition("://")[0]
    text = clause_of(error)
    if getattr(error, "code", None) in (403, "AccessDenied", "Forbidden"):
        return f"permission is denied ({text}); check the credentials"
    if isinstance(error, ImportError) or _NOT_INSTALLED.search(text):
        if scheme != "hdfs":
            return f"Beam does not know {scheme}://; use s3://, gs:// or hdfs://"
        return "the client for hdfs:// is not installed; run pip install -e '.[hdfs]'"
    return text
