"""Returns the storage for a path or URL, by its scheme.

| scheme | readers | outputs of builds | corpora |
|---|---|---|---|
| none, a path | `LocalStorage` | `DiskStore` of builds | `DiskTree` of builds |
| s3 | `S3Storage` | `S3Storage` | `S3Storage` |
| gs | `GcsStorage` | `GcsStorage` | `GcsStorage` |
| hdfs | `HdfsStorage`, `TensorFlowStorage` | `BeamStorage` | `HdfsStorage` |
| others | `TensorFlowStorage` | `BeamStorage` | none |

Readers of hdfs:// use WebHDFS if FACEVOICE_WEBHDFS names a server, and else libhdfs.

Clients are imported when they are first needed: boto3 is an extra, TensorFlow and Beam are large.
docs/how-to/remote-storage.md has the measurements behind this choice.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfdata.storage.base import (
    Address,
    ListableStorage,
    Place,
    Storage,
    StorageError,
    WritableStorage,
    is_address,
)
from tfdata.storage.local import LocalStorage

if TYPE_CHECKING:
    from tfdata.storage.gcs import GcsStorage
    from tfdata.storage.s3 import S3Storage

WEBHDFS = "FACEVOICE_WEBHDFS"  # variable for readers, such as http://namenode:9870


def storage_at(folder: str | Path) -> Storage:
    """Returns the storage of a folder to read from.

    Raises:
      StorageError: the package for its scheme is not installed.
    """
    if not is_address(folder):
        return LocalStorage(Path(folder))
    if folder.startswith("s3://"):
        s3 = _import_s3(folder)
        return s3.S3Storage(folder.rstrip("/"), s3.endpoint_of_tensorflow())
    if folder.startswith("gs://"):
        return _import_gcs(folder).GcsStorage(folder.rstrip("/"))
    if folder.startswith("hdfs://") and (server := os.environ.get(WEBHDFS)):
        path = folder.removeprefix("hdfs://").partition("/")[2]
        user = os.environ.get("HADOOP_USER_NAME") or getpass.getuser()
        settings = f"/{path}", server, user, f"{WEBHDFS} ({server})"
        return _import_hdfs(folder).HdfsStorage(folder.rstrip("/"), *settings)
    from tfdata.storage.tensorflow_files import TensorFlowStorage

    return TensorFlowStorage(folder)


def writable_storage_at(address: Address) -> WritableStorage:
    """Returns the storage of a folder that a build writes to.

    Raises:
      StorageError: the package for its scheme is not installed, or the scheme is unknown.
    """
    if address.url.startswith("s3://"):
        return s3_storage(address)
    if address.url.startswith("gs://"):
        return _gcs_storage(address)
    from tfdata.storage.beam_files import BeamStorage

    return BeamStorage(address)


def corpus_storage_at(address: Address) -> ListableStorage:
    """Returns the storage of a folder of a corpus, or of tables.

    Raises:
      StorageError: the package for its scheme is not installed, or media cannot be read from it.
    """
    scheme = address.url.partition("://")[0]
    if scheme == "s3":
        return s3_storage(address)
    if scheme == "gs":
        return _gcs_storage(address)
    if scheme == "hdfs":
        from tfdata.storage.beam_files import hdfs_settings

        settings = hdfs_settings(address)
        return _import_hdfs(address.url).HdfsStorage(address.url, *settings)
    raise StorageError(
        address.url, f"a corpus is not read from {scheme}://; use a disk, s3://, gs:// or hdfs://"
    )


def read_file(place: Place | str) -> bytes:
    """Returns the content of a file, such as a table.

    Args:
      place: path, address that a flag of a build names, or URL.

    Raises:
      OSError: it cannot be read; `strerror` says why.
    """
    if isinstance(place, Path):
        return place.read_bytes()
    url = str(place)
    folder, _, name = url.rpartition("/")
    if folder.endswith(":/"):
        scheme = folder[:-2]
        if scheme == "hdfs" and isinstance(place, Address):  # a file in the root
            return corpus_storage_at(replace(place, url="hdfs://")).read(name)
        reason = "it names a bucket or server, not a file; use a URL like"
        raise StorageError(url, f"{reason} {scheme}://bucket/table.csv")
    if isinstance(place, Address):
        return corpus_storage_at(replace(place, url=folder)).read(name)
    return storage_at(folder).read(name)


def _not_installed(url: str, package: str, extra: str) -> StorageError:
    scheme = url.partition("://")[0]
    return StorageError(
        url,
        f"{scheme}:// needs the package {package}, which is not installed; run pip install -e "
        f"'.[{extra}]'",
    )


def s3_storage(address: Address) -> S3Storage:
    """Returns the storage of a folder in S3 for a build, which can also list media in it.

    Raises:
      StorageError: boto3 is not installed.
    """
    s3 = _import_s3(address.url)
    if not address.beam_flags:
        return s3.S3Storage(address.url, attempts=s3.ATTEMPTS_OF_BUILDS)
    from tfdata.storage.beam_files import s3_client_settings

    settings = s3_client_settings(address.beam_flags)
    return s3.S3Storage(address.url, settings, s3.ATTEMPTS_OF_BUILDS)


def _import_s3(url: str) -> Any:
    try:
        from tfdata.storage import s3
    except ModuleNotFoundError:
        raise StorageError(
            url, "s3:// needs boto3, which is not installed; install 'apache-beam[aws]'"
        ) from None
    return s3


def _gcs_storage(address: Address) -> GcsStorage:
    gcs = _import_gcs(address.url)
    return gcs.GcsStorage(address.url, gcs.SECONDS_OF_BUILDS)


def _import_gcs(url: str) -> Any:
    try:
        from tfdata.storage import gcs
    except ModuleNotFoundError:
        raise _not_installed(url, "google-cloud-storage", "gcs") from None
    return gcs


def _import_hdfs(url: str) -> Any:
    try:
        from tfdata.storage import hdfs
    except ModuleNotFoundError:
        raise _not_installed(url, "hdfs", "hdfs") from None
    return hdfs
