"""Every storage reads, writes and fails in the same way, whatever its client."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from io import BytesIO

import boto3
import pytest

from tests.beam_pipelines.shards.test_s3 import BUCKET, server, troubled
from tests.gcs_server import breaking_off
from tests.gcs_server import serving as gcs_serving
from tfdata.storage.base import Address, StorageError
from tfdata.storage.beam_files import BeamStorage, s3_client_settings
from tfdata.storage.factory import corpus_storage_at, s3_storage, storage_at, writable_storage_at
from tfdata.storage.local import LocalStorage
from tfdata.storage.s3 import S3Storage

__all__ = ["server", "troubled"]  # fixtures
FILES = {"one": b"1", "none": b"", "two": b"22"}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def bucket(server, request):
    """The URL of a folder in S3 with the same files."""
    name = request.node.name
    for file, content in FILES.items():
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/{file}", Body=content)
    return f"s3://{BUCKET}/{name}"


@pytest.fixture(scope="module")
def gcs_server():
    with gcs_serving() as served:
        yield served


@pytest.fixture(params=["s3", "gs"])
def any_bucket(request):
    """The URL of a folder in S3, and of one in Google Cloud Storage, with the same files."""
    if request.param == "s3":
        return request.getfixturevalue("bucket")
    name = request.node.name
    for file, content in FILES.items():
        request.getfixturevalue("gcs_server").blob(f"{name}/{file}").upload_from_string(content)
    return f"gs://{BUCKET}/{name}"


def keys(url):
    parent, _, folder = url.rpartition("/")
    return sorted(found.path for found in corpus_storage_at(Address(parent)).walk(folder))


def check_reading(storage):
    file = BytesIO()
    storage.download("two", file)
    assert file.getvalue() == storage.read("two") == b"22"
    assert storage.read("none") == b""
    assert storage.sizes(["one", "none", "missing"]) == {"one": 1, "none": 0}
    assert storage.sizes([]) == {}
    for read in (storage.read, lambda name: storage.download(name, BytesIO())):
        with pytest.raises(FileNotFoundError):
            read("missing")


def test_a_folder_is_read(folder):
    check_reading(storage_at(folder))


def test_a_bucket_is_read(any_bucket):
    check_reading(storage_at(any_bucket))
    check_reading(storage_at(f"{any_bucket}/"))


BY_TENSORFLOW = """
import sys
from tests.tfdata.storage.test_storage import check_reading
from tfdata.storage.factory import storage_at

check_reading(storage_at(sys.argv[1]))
storage_at("ftp://x/y").read("z")
"""


@pytest.mark.slow
def test_a_url_is_read_by_tensorflow(folder):
    command = [sys.executable, "-c", BY_TENSORFLOW, f"file://{folder}"]  # it sets variables
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("tfdata.storage.base.StorageError: ftp://x/y/z cannot be used: ")
    assert error.endswith("; use s3:// or gs://, or hdfs:// with tensorflow-io.")


def test_files_that_are_not_regular_are_not_read(folder):
    os.mkfifo(folder / "fifo")
    storage = LocalStorage(folder)
    for read in (storage.read, lambda name: storage.sizes([name])):
        with pytest.raises(StorageError, match="not a regular file"):
            read("fifo")


def test_a_bucket_is_written_and_listed(any_bucket):
    storage = writable_storage_at(Address(any_bucket))
    storage.upload(BytesIO(b"333"), "below/three")
    storage.upload(BytesIO(b""), "below/deeper/empty")
    storage.upload(BytesIO(b""), "below/")  # as consoles make for a folder
    assert storage.list_files() == {"one": 1, "none": 0, "two": 2}
    assert storage.list_files("below") == {"three": 3}
    assert storage.list_files("nowhere") == {}
    assert storage.sizes(["one", "below/three"]) == {"one": 1, "below/three": 3}
    storage.delete(["one", "missing"])
    storage.delete([])
    assert storage.list_files() == {"none": 0, "two": 2}
    assert not storage.is_empty()
    assert writable_storage_at(Address(f"{any_bucket}/nowhere")).is_empty()
    assert writable_storage_at(Address(f"{any_bucket}/below/deeper/empty")).is_empty()


def test_a_bucket_is_walked(any_bucket):
    storage = corpus_storage_at(Address(any_bucket))
    for name in ("a/x/1", "a/2", "b/3"):
        storage.upload(BytesIO(name.encode()), name)
    assert storage.folders() == ["a", "b"]
    assert [(found.path, found.size) for found in storage.walk("a")] == [("2", 3), ("x/1", 5)]
    assert all(found.version for found in storage.walk("a"))
    assert list(storage.walk("nowhere")) == []


def test_more_files_than_a_request_takes_are_deleted(bucket, monkeypatch):
    monkeypatch.setattr("tfdata.storage.s3._KEYS_PER_DELETION", 2)
    writable_storage_at(Address(bucket)).delete(FILES)
    assert keys(bucket) == []


def test_a_large_file_is_uploaded_in_parts(any_bucket):
    storage = writable_storage_at(Address(any_bucket))
    content = os.urandom(20_000_000)
    storage.upload(BytesIO(content), "large")
    file = BytesIO()
    storage.download("large", file)
    assert file.getvalue() == content


def test_a_response_of_google_that_breaks_off_is_continued(gcs_server, monkeypatch):
    content = os.urandom(300_000)
    gcs_server.blob("broken/off").upload_from_string(content)
    breaking_off(monkeypatch, 2)
    assert storage_at(f"gs://{BUCKET}/broken").read("off") == content


UPLOAD = """
import sys, time
from tfdata.storage.base import Address
from tfdata.storage.factory import writable_storage_at

SIZE = 200_000_000

class Slow:
    at = 0
    def tell(self):
        return self.at
    def seek(self, offset, whence=0):
        self.at = offset + whence * SIZE // 2
        return self.at
    def read(self, size=-1):
        print("reading", flush=True)
        time.sleep(0.2)
        size = min(size, SIZE - self.at)
        self.at += size
        return b"1" * size

writable_storage_at(Address(sys.argv[1])).upload(Slow(), "partial")
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_upload_leaves_no_object(any_bucket, sent):
    command = [sys.executable, "-c", UPLOAD, any_bucket]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for _ in range(4):  # so some parts have been sent
        assert process.stdout.readline()
    process.send_signal(sent)
    assert process.wait(30) != 0
    process.stdout.close()
    assert keys(any_bucket) == sorted(FILES)
    if any_bucket.startswith("s3"):
        assert removed_uploads() == (sent == signal.SIGKILL)


def removed_uploads():
    """Removes the invisible parts of unfinished uploads to S3, and counts the uploads."""
    uploads = boto3.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    for left in uploads:
        boto3.client("s3").abort_multipart_upload(
            Bucket=BUCKET, Key=left["Key"], UploadId=left["UploadId"]
        )
    return len(uploads)


def test_what_fails_for_a_moment_is_sent_again(bucket, troubled):
    storage = writable_storage_at(Address(bucket))
    seen = set()

    def failing(method, key, query):
        kind = (method, key, query.partition("=")[0])
        if kind in seen:
            return None
        seen.add(kind)
        return 503

    troubled(failing)
    storage.upload(BytesIO(b"new"), "new")
    assert storage.read("new") == b"new"
    assert storage.sizes(["new"]) == {"new": 3}
    storage.delete(["new"])
    assert len(seen) == 4


def test_a_server_that_fails_for_long_is_asked_more_often_than_boto3_does(bucket, troubled):
    requests = []

    def failing(method, key, query):
        requests.append(query)
        return 503 if len(requests) < 4 else None

    troubled(failing)
    assert storage_at(bucket).sizes(["one"]) == {"one": 1}
    requests.clear()
    with pytest.raises(StorageError, match="SlowDown"):
        writable_storage_at(Address(bucket)).is_empty()
    assert len(requests) == 3


def test_a_file_that_cannot_be_deleted_is_an_error(bucket, monkeypatch):
    storage = s3_storage(Address(bucket))
    refused = {"Errors": [{"Key": "one", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(storage._client, "delete_objects", lambda **_: refused, raising=False)
    with pytest.raises(StorageError, match=r"denied in the bucket data \(DeleteObjects: Acc"):
        storage.delete(["one"])


def test_the_flags_of_beam_are_arguments_of_boto3():
    flags = ("--s3_endpoint_url=http://x:1", "--s3_region_name=y", "--s3_disable_ssl", "--z=1")
    assert s3_client_settings(flags) == {
        "endpoint_url": "http://x:1",
        "region_name": "y",
        "use_ssl": False,
    }
    assert s3_client_settings(()) == {}


def test_the_variables_of_tensorflow_io_name_the_endpoint_for_readers(bucket, monkeypatch):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("S3_ENDPOINT", endpoint)
    assert storage_at(bucket).read("one") == b"1"
    monkeypatch.setenv("S3_ENDPOINT", endpoint.removeprefix("http://"))
    monkeypatch.setenv("S3_USE_HTTPS", "0")
    assert storage_at(bucket).read("one") == b"1"


def test_an_unknown_profile_is_an_error_that_says_what_to_set(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StorageError, match=r"\(nobody\) could not be found; set AWS_ACCESS_KEY"):
        S3Storage(f"s3://{BUCKET}/set")


def test_boto3_is_only_needed_for_s3(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "tfdata.storage.s3")
    monkeypatch.delattr("tfdata.storage.s3")
    with pytest.raises(StorageError, match=r"install 'apache-beam\[aws\]'"):
        storage_at("s3://bucket/set")


def test_a_scheme_that_nobody_knows_is_an_error():
    with pytest.raises(StorageError, match="Beam does not know ftp://"):
        BeamStorage(Address("ftp://x/y"))


def test_an_error_survives_the_way_from_a_worker():
    error = pickle.loads(pickle.dumps(StorageError("s3://b", "it is closed")))
    assert (str(error), error.strerror) == ("s3://b cannot be used: it is closed.", "it is closed")


def test_the_factory_imports_no_client():
    code = "import sys, tfdata.storage.factory; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"apache_beam", "boto3", "tensorflow"} & set(done.stdout.split())
