"""A WebHDFS server on loopback for a folder on a disk: a name node and a data node in one.

It implements the part of Hadoop's REST interface that FaceVoice and Beam use. As with Hadoop, data
are read and written at another address, to which the name node redirects.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PREFIX = "/webhdfs/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path  # set by `serving`
    broken_off: list[str]  # set by `serving`: names of files, each for one response

    def do_GET(self) -> None:
        self._answer()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = self.root / unquote(url.path).removeprefix(PREFIX).lstrip("/")
        try:
            getattr(self, f"_{query['op'].lower()}")(path, query)
        except FileNotFoundError:
            self._fail(404, "FileNotFoundException", f"File does not exist: {path.name}")
        except PermissionError:
            self._fail(
                403, "AccessControlException", f"Permission denied: user={query['user.name']}"
            )

    def _getfilestatus(self, path: Path, query: dict[str, str]) -> None:
        self._send({"FileStatus": _status(path, "")})

    def _liststatus(self, path: Path, query: dict[str, str]) -> None:
        found = [_status(path, "")] if path.is_file() else None
        found = found or [_status(inner, inner.name) for inner in sorted(path.iterdir())]
        self._send({"FileStatuses": {"FileStatus": found}})

    def _getcontentsummary(self, path: Path, query: dict[str, str]) -> None:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        sizes = sum(file.stat().st_size for file in files)
        self._send({"ContentSummary": {"length": sizes, "fileCount": len(files)}})

    def _open(self, path: Path, query: dict[str, str]) -> None:
        if not os.access(path, os.R_OK) or path.stat().st_mode & 0o400 == 0:
            if not path.exists():
                raise FileNotFoundError
            raise PermissionError
        if self._redirected(query, 307):
            first = int(query.get("offset", 0))
            length = int(query["length"]) if "length" in query else None
            content = path.read_bytes()[first:][:length]
            if path.name in self.broken_off:
                self.broken_off.remove(path.name)
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
                return
            self._send(content)

    def _create(self, path: Path, query: dict[str, str]) -> None:
        content = self._body()
        if self._redirected(query, 307):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._send(b"", 201)

    def _mkdirs(self, path: Path, query: dict[str, str]) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._send({"boolean": True})

    def _rename(self, path: Path, query: dict[str, str]) -> None:
        target = self.root / query["destination"].lstrip("/")
        renamed = path.exists() and not target.exists()  # HDFS does not replace a file
        if renamed:
            path.rename(target)
        self._send({"boolean": renamed})

    def _delete(self, path: Path, query: dict[str, str]) -> None:
        existed = path.exists()
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        self._send({"boolean": existed})

    def _redirected(self, query: dict[str, str], status: int) -> bool:
        """Redirects to the data node, unless this is the request to it."""
        if "datanode" in query:
            return True
        host = self.headers["Host"]
        self._send(b"", status, Location=f"http://{host}{self.path}&datanode=1")
        return False

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _fail(self, status: int, exception: str, message: str) -> None:
        error = {"exception": exception, "javaClassName": exception, "message": message}
        self._send({"RemoteException": error}, status)

    def _send(self, answer: dict[str, object] | bytes, status: int = 200, **headers: str) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _status(path: Path, name: str) -> dict[str, object]:
    status = path.stat()
    return {
        "pathSuffix": name,
        "type": "DIRECTORY" if path.is_dir() else "FILE",
        "length": 0 if path.is_dir() else status.st_size,
        "modificationTime": status.st_mtime_ns // 1_000_000,
    }


@contextmanager
def serving(root: Path, broken_off: Sequence[str] = ()) -> Iterator[list[str]]:
    """Serves a folder; yields the flags with which a build reads and writes it.

    Args:
      root: the folder.
      broken_off: names of files; a response with one breaks off in the middle, as often as it is
        in the list.
    """
    handler = type("Handler", (_Handler,), {"root": root, "broken_off": [*broken_off]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ["--hdfs_host=127.0.0.1", f"--hdfs_port={server.server_port}", "--hdfs_user=ann"]
    finally:
        server.shutdown()
        server.server_close()
