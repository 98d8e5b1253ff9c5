"""A server of Google Cloud Storage on loopback, in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BUCKET = "data"


@contextmanager
def serving() -> Iterator[Any]:
    """Yields a bucket, whose server the variables name; skips the test without the packages."""
    storage = pytest.importorskip("google.cloud.storage", reason="Google's client is missing")
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="no server of GCS")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)  # it logs what is missing
    host, port = server._api._httpd.socket.getsockname()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}:{port}")
        yield storage.Client().bucket(BUCKET)
    server.stop()


def troubled(patch: pytest.MonkeyPatch, failing: Callable[[str, str], int | None]) -> None:
    """Makes the server answer with the status that a function of method and path returns."""
    from gcp_storage_emulator.server import Router

    usual = Router.handle

    def handle(self: Any, method: str) -> None:
        request = self._request_handler
        status = failing(method, request.path)
        if status is None:
            usual(self, method)
            return
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()

    patch.setattr(Router, "handle", handle)


def breaking_off(patch: pytest.MonkeyPatch, count: int) -> None:
    """Makes the server break off the next responses with the content of an object."""
    from gcp_storage_emulator.server import Response

    usual, left = Response.close, [None] * count

    def close(self: Any) -> None:
        if "alt=media" not in self._handler.path or not left:
            usual(self)
            return
        left.pop()
        self._handler.send_response(self.status.value)
        for name, value in (*self._headers.items(), ("Content-Length", str(len(self._content)))):
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(self._content[: len(self._content) // 2])

    patch.setattr(Response, "close", close)
