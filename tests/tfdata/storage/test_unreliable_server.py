"""Reading from an S3 server that answers slowly and drops one connection in twenty."""

from __future__ import annotations

import io
import itertools
import socket
import time
from threading import Lock

import boto3
import pytest

from tests.beam_pipelines.shards.test_s3 import BUCKET, serving
from tests.tools import files_of
from tfdata import ReadOptions, load
from tfdata.schema import SPLITS
from tfdata.storage.base import StorageError
from tfdata.storage.factory import storage_at

DELAY_SECONDS = 0.02
DROPPED = 20  # one request in as many


class Unreliable:
    """A WSGI application whose answers are late, and of which one in DROPPED breaks off.

    The first breaks off before its headers, the next after half of its body, and so on; only once
    `is_reliable` is false.
    """

    def __init__(self, application):
        self.is_reliable = True
        self._application = application
        self._lock = Lock()
        self._number = itertools.count(1)
        self._early = itertools.cycle([True, False])
        self.owed = 0  # responses to break off after half of their body
        self.dropped = {"headers": 0, "body": 0}

    def __call__(self, environ, start_response):
        if self.is_reliable:
            return self._application(environ, start_response)
        time.sleep(DELAY_SECONDS)
        connection = environ["werkzeug.socket"]
        with self._lock:
            if next(self._number) % DROPPED == 0:
                if next(self._early):
                    self.dropped["headers"] += 1
                    connection.shutdown(socket.SHUT_RDWR)
                    start_response("200 OK", [])  # never arrives
                    return [b""]
                self.owed += 1
            is_cut = self.owed > 0 and environ["REQUEST_METHOD"] == "GET"
            self.owed -= is_cut
        response = self._application(environ, start_response)
        return self._half(response, connection) if is_cut else response

    def _half(self, response, connection):
        body = b"".join(response)
        yield body[: len(body) // 2]
        self.dropped["body"] += 1
        connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server():
    with serving(wrapper=Unreliable) as server:
        yield server


@pytest.fixture(scope="module")
def dataset(corpus, build, tmp_path_factory):
    """Builds a dataset of 15 videos in many shards."""
    output = tmp_path_factory.mktemp("many") / "set"
    assert build(*corpus.flags, "--num_shards=20", f"--output={output}") == 0
    return output


def examples(folder, split, **options):
    batches = load(folder, split, "pair", ReadOptions(4, **options))
    return [
        (image.tobytes(), spectrogram.tobytes(), int(label))
        for arrays, labels in batches.as_numpy_iterator()
        for image, spectrogram, label in zip(
            arrays["image"], arrays["spectrogram"], labels, strict=True
        )
    ]


def test_a_file_whose_transfer_breaks_off_is_read_again(server):
    content = bytes(range(256))
    boto3.client("s3").put_object(Bucket=BUCKET, Key="set/file", Body=content)
    server.is_reliable = False
    server.owed = 2
    assert storage_at(f"s3://{BUCKET}/set").read("file") == content
    assert server.dropped == {"headers": 0, "body": 2}
    server.owed = 5
    with pytest.raises(StorageError, match="responses broke off 5 times"):
        storage_at(f"s3://{BUCKET}/set").read("file")


def test_a_transfer_is_not_continued_with_another_object(server):
    client = boto3.client("s3")
    client.put_object(Bucket=BUCKET, Key="set/file", Body=b"one" * 100)

    class Replacing(io.BytesIO):
        def write(self, content):
            client.put_object(Bucket=BUCKET, Key="set/file", Body=b"two" * 100)
            return super().write(content)

    server.is_reliable = False
    server.owed = 1
    with pytest.raises(StorageError, match="was replaced while it was read"):
        storage_at(f"s3://{BUCKET}/set").download("file", Replacing())
    assert server.dropped["body"] == 1


@pytest.mark.slow
def test_every_example_is_read_in_order_and_without_an_error(server, dataset):
    client = boto3.client("s3")
    for name, content in files_of(dataset).items():
        client.put_object(Bucket=BUCKET, Key=f"set/{name}", Body=content)
    server.is_reliable = False
    url = f"s3://{BUCKET}/set"
    for split in SPLITS:
        assert examples(url, split) == examples(dataset, split)
    for seed in range(12):
        shuffled = {"shuffle_buffer": 7, "seed": seed, "epochs": 2}
        assert examples(url, "train", **shuffled) == examples(dataset, "train", **shuffled)
    assert min(server.dropped.values()) > 1
