"""Real servers in a thread of this process, and requests to them, for the tests."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from facevoice.serving.app import make_app
from facevoice.serving.gallery_backend import GalleryBackend
from facevoice.serving.security import Access, Limits, host_names
from tests.facevoice.gallery.encoders import Pixels, Waveform

BOUNDARY = "a-boundary"
LIMITS = Limits(body_bytes=300_000, upload_seconds=20, answer_seconds=20)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    token: str

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, method, path, body=None, raw=False, **headers):
        """Sends a request; returns status, headers, and the content as text or parsed JSON.

        Args:
          raw: return the content as bytes.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if raw:
            return answer.status, answer, content
        is_json = answer.getheader("content-type") == "application/json"
        return answer.status, answer, json.loads(content) if is_json else content.decode()

    def send(self, path, *parts, token=None, **headers):
        """Sends a form; returns status and parsed JSON.

        Args:
          parts: (field, content), or (field, content, file name).
        """
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} | headers
        if token:
            headers["Authorization"] = f"Bearer {token}"
        status, _, content = self.ask("POST", path, form(*parts), **headers)
        return status, content


def form(*parts):
    """Returns the body of a form."""
    body = b""
    for field, content, *name in parts:
        file = f'; filename="{name[0]}"' if name else ""
        data = content.encode() if isinstance(content, str) else content
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{file}\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


@contextmanager
def serve(backend, limits=LIMITS):
    """Runs the server of a backend on a free port."""
    access = Access(host_names("127.0.0.1", ["faces.example"]))
    with serve_app(make_app(backend, access, limits), access) as running:
        yield running


@contextmanager
def serve_app(app, access):
    """Runs an application on a free port."""
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Server(listener.getsockname()[1], access.token)
        finally:
            server.should_exit = True
            thread.join()


def gallery_backend(folder):
    """Returns a gallery with the encoders of the tests."""
    names = {"face": Pixels.info.name, "audio": Waveform.info.name}
    return GalleryBackend(folder, names, 0.01, 5)
