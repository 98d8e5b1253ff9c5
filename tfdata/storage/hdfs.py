"""Lists and reads a folder in HDFS through WebHDFS."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from io import BytesIO
from typing import IO, Any

import requests
from hdfs import HdfsError, InsecureClient
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from tfdata.storage.addresses import masked_line
from tfdata.storage.base import StorageError, StoredFile
from tfdata.storage.transfers import broken_off_reason, copy_resuming
from tfdata.text import uncapitalized

# Attempts at a request that failed with a temporary error, with pauses of 0.6 s in sum.
_RETRIES = Retry(4, backoff_factor=0.1, status_forcelist=(502, 503, 504))
_MAX_TEXT = 300  # characters; some servers answer with a page


class HdfsStorage:
    """Implements `Storage` and `ListableStorage` for a folder in HDFS.

    Args:
      url: the folder, for messages.
      path: its absolute path.
      server: URL of the name node's WebHDFS, such as http://namenode:9870.
      user: name of the user.
      named_by: what names the server, for messages.
    """

    def __init__(
        self,
        url: str,
        path: str,
        server: str,
        user: str,
        named_by: str = "--hdfs_host and --hdfs_port, which is that of WebHDFS",
    ) -> None:
        self._url = url
        self._named_by = named_by
        self._path = path.rstrip("/")
        self._client = _client(server, user)

    def read(self, name: str) -> bytes:
        file = BytesIO()
        self.download(name, file)
        return file.getvalue()

    def download(self, name: str, file: IO[bytes]) -> None:
        with self._errors(name):
            copy_resuming(partial(self._client.read, f"{self._path}/{name}"), file, HTTPError)

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Lists the folders of the files, not each file."""
        names = set(names)
        found = {
            f"{folder}/{name}".lstrip("/"): size
            for folder in {name.rpartition("/")[0] for name in names}
            for name, size in self.list_files(folder).items()
        }
        return {name: found[name] for name in names & found.keys()}

    def folders(self) -> list[str]:
        with self._errors():
            listed = self._client.list(self._path or "/", status=True)
        return [name for name, status in listed if status["type"] == "DIRECTORY"]

    def list_files(self, folder: str = "") -> dict[str, int]:
        try:
            with self._errors(folder or "."):
                listed = self._client.list(f"{self._path}/{folder}", status=True)
        except FileNotFoundError:
            return {}
        return {name: status["length"] for name, status in listed if status["type"] == "FILE"}

    def walk(self, folder: str) -> Iterator[StoredFile]:
        top = f"{self._path}/{folder}"
        with self._errors():
            for (path, _), _, files in self._client.walk(top, status=True):
                below = f"{path.removeprefix(top).strip('/')}/".lstrip("/")
                for name, status in files:
                    changed = status["modificationTime"]  # milliseconds
                    yield StoredFile(below + name, status["length"], str(changed), changed / 1000)

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Translates the exceptions of the client."""
        try:
            yield
        except HdfsError as error:
            text = _text(error)
            if error.exception == "FileNotFoundException" and name:
                url = f"{self._url}/{name}"
                raise FileNotFoundError(errno.ENOENT, "there is no such file", url) from None
            if error.exception == "AccessControlException":
                text = f"permission is denied ({text}); check the user and the folder's permissions"
            raise StorageError(self._url, text) from None
        except requests.RequestException as error:
            raise StorageError(self._url, f"{_text(error)}; check {self._named_by}") from None
        except HTTPError as error:  # while a response is read, which requests does not translate
            raise StorageError(self._url, broken_off_reason(_text(error))) from None


@cache
def _client(server: str, user: str) -> Any:
    """Returns a client, which threads may share."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
    return InsecureClient(server, user=user, session=session, timeout=60)


def _text(error: Exception) -> str:
    """Returns the first line of an error, which may be followed by a stack trace of Java's."""
    line = (str(error).strip().splitlines() or [""])[0]
    return uncapitalized(masked_line(line[:_MAX_TEXT])) or type(error).__name__
