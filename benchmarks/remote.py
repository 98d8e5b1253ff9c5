"""Benchmark of remote reading: verified copies compared with direct reads by TensorFlow.

The dataset is on an S3 server on loopback (moto) in this process, which answers at once, or
DELAY_SECONDS late, as object stores do. A round reads two epochs, shuffled, with a cache that is
empty at first.
"""

from __future__ import annotations

import functools
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from environments import HOME
from harness import Competitor, Config, Message, reject_mismatches, started, table
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

COPIES = Competitor("tfdata.load, through verified copies", "own", "read_s3.py")
DIRECT = Competitor("the same, s3:// read by tensorflow-io", "own", "read_s3.py")
WAYS = {COPIES: "copies", DIRECT: "direct"}
BUCKET, IMAGE_SIZE_PX = "benchmark", 128
DELAY_SECONDS = 0.05
EPOCHS = ("first epoch", "later epoch")


class Server:
    """Moto's S3 server, whose answers can be late."""

    def __init__(self) -> None:
        self.delay_seconds = 0.0
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        time.sleep(self.delay_seconds)
        return self._moto(environ, start_response)


class Silent(WSGIRequestHandler):
    """Logs no requests."""

    def log(self, *_: Any) -> None:
        pass


def run(config: Config) -> str:
    """Returns the tables of this group."""
    with (
        serving() as server,
        started(tuple(WAYS)) as running,
        tempfile.TemporaryDirectory(prefix="remote-", dir=HOME) as root,
    ):
        folder = f"{root}/pairs"
        count = config.examples // 4
        write = {"task": "write", "folder": folder, "count": count, "image_size": IMAGE_SIZE_PX}
        running.subset([COPIES]).run_rounds(write, rounds=1, warmups=0)
        client = boto3.client("s3")
        for path in Path(folder).iterdir():
            client.upload_file(str(path), BUCKET, f"set/{path.name}")

        def request(task: str, **more: int) -> Any:
            url = f"s3://{BUCKET}/set"
            return lambda each: {"task": task, "url": url, "way": WAYS[each], **more}

        digests = running.run_rounds(request("digest"), rounds=1, warmups=0)
        equal = reject_mismatches(digests, COPIES.name)
        tables = []
        for delay_seconds in (0.0, DELAY_SECONDS):
            server.delay_seconds = delay_seconds
            epochs = request("read", epochs=len(EPOCHS))
            results = running.run_rounds(epochs, config.rounds, previous=equal)
            for number, epoch in enumerate(EPOCHS):
                title = f"Remote: {epoch}, {1000 * delay_seconds:.0f} ms of delay for a request"
                value = functools.partial(rate, epoch=number)
                tables.append(table(title, results, COPIES.name, "examples/s", value))
    return "\n".join(tables)


def rate(response: Message, epoch: int) -> float:
    """Returns examples/s of an epoch."""
    return float(response["examples"] / response["seconds"][epoch])


@contextmanager
def serving() -> Iterator[Server]:
    """Runs an S3 server with an empty bucket; sets the variables that name it."""
    server = Server()
    listening = make_server("127.0.0.1", 0, server, threaded=True, request_handler=Silent)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listening.server_port}",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with mock.patch.dict(os.environ, variables):
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        try:
            yield server
        finally:
            listening.shutdown()
