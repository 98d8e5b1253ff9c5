"""Builds to an S3 server on loopback, and reading from it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
import requests
from apache_beam.io.localfilesystem import LocalFileSystem
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from beam_pipelines.shards.stores import store_at
from tests.conftest import write_corpus
from tests.tools import error_line, files_of
from tfdata.storage.base import Address

BUCKET = "data"
FAILURES = {
    403: ("403 Forbidden", "AccessDenied"),
    503: ("503 Service Unavailable", "SlowDown"),
}


class Server:
    """Moto's S3 server, which can be made to fail."""

    def __init__(self):
        self.failing = lambda method, key, query: None  # or a status
        self.shards_from = set()  # addresses of the machines that uploaded shards
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start_response):
        key = environ["PATH_INFO"].removeprefix(f"/{BUCKET}").lstrip("/")
        method = environ["REQUEST_METHOD"]
        if method in ("PUT", "POST") and key.endswith(".tfrecord"):
            self.shards_from.add(environ["REMOTE_ADDR"])
        status = self.failing(method, key, environ["QUERY_STRING"])
        if status is None:
            return self._moto(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        line, code = FAILURES[status]
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        start_response(line, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]


class Silent(WSGIRequestHandler):
    def log(self, *_):
        pass


@contextmanager
def serving(host="127.0.0.1", wrapper=lambda application: application):
    """Runs an S3 server with an empty bucket, and sets the variables that name it."""
    application = wrapper(Server())
    listening = make_server(host, 0, application, threaded=True, request_handler=Silent)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{listening.server_port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        # The buckets of moto are those of the process, so earlier tests may have left some.
        requests.post(f"http://{host}:{listening.server_port}/moto-api/reset").raise_for_status()
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        try:
            yield application
        finally:
            listening.shutdown()


@pytest.fixture(scope="module")
def server():
    with serving() as application:
        yield application


@pytest.fixture
def troubled(server):
    """Returns a function that makes the server fail until the test ends."""

    def fail(failing):
        server.failing = failing

    yield fail
    fail(lambda *_: None)


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory):
    """Two people with three videos each, for three shards."""
    return write_corpus(tmp_path_factory.mktemp("few"), people=2, videos=3, per_video=1)


@pytest.fixture(scope="module")
def build_small(build, small_corpus):
    return lambda output, *flags: build(
        *small_corpus.flags, "--num_shards=1", f"--output={output}", *flags
    )


@pytest.fixture(scope="module")
def local_dataset(build_small, tmp_path_factory):
    """Builds the dataset of `small_corpus` on a disk."""
    output = tmp_path_factory.mktemp("here") / "set"
    assert build_small(output) == 0
    return output


@pytest.fixture(scope="module")
def remote_dataset(server, build_small):
    """Builds the dataset of `small_corpus` in the bucket."""
    assert build_small(f"s3://{BUCKET}/set") == 0
    return f"s3://{BUCKET}/set"


def objects(folder):
    """Returns name and content of the objects in a folder, without `.build/`."""
    return {name: item.get()["Body"].read() for name, item in listed(folder).items()}


def listed(folder):
    found = boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix=f"{folder}/")
    names = {item.key.removeprefix(f"{folder}/"): item for item in found}
    return {name: item for name, item in names.items() if not name.startswith(".build/")}


def copied(address, folder):
    """Copies a dataset, `.build/` included, so that a test may change it."""
    for item in boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix="set/"):
        source = {"Bucket": BUCKET, "Key": item.key}
        key = item.key.replace("set", folder, 1)
        boto3.client("s3").copy_object(Bucket=BUCKET, Key=key, CopySource=source)
    return f"s3://{BUCKET}/{folder}"


class Renaming(LocalFileSystem):
    """A file system with folders that does not rename to an existing name, as HDFS."""

    root = Path()

    @classmethod
    def scheme(cls):
        return "renaming"

    def path(self, url):
        return str(self.root / url.removeprefix("renaming://"))

    def match(self, patterns, limits=None):
        return super().match([*map(self.path, patterns)], limits)

    def exists(self, path):
        return super().exists(self.path(path))

    def metadata(self, path):
        return super().metadata(self.path(path))

    def create(self, path, *others, **settings):
        assert not self.exists(path)
        return super().create(self.path(path), *others, **settings)

    def open(self, path, *others, **settings):
        assert self.exists(path)
        return super().open(self.path(path), *others, **settings)

    def rename(self, sources, destinations):
        assert not any(self.exists(path) for path in destinations)
        super().rename([*map(self.path, sources)], [*map(self.path, destinations)])

    def delete(self, paths):
        assert all(self.exists(path) for path in paths)
        super().delete([*map(self.path, paths)])


def test_a_bucket_gets_the_bytes_that_a_disk_gets(remote_dataset, local_dataset):
    assert objects("set") == files_of(local_dataset)
    assert not boto3.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_building_again_keeps_the_shards(remote_dataset, build_small, capsys):
    before = {name: item.last_modified for name, item in listed("set").items()}
    assert build_small(remote_dataset, "--dry_run") == 0
    assert "of which 3 are there already" in capsys.readouterr().out
    assert build_small(remote_dataset) == 0
    assert "nothing is new: 3 shards were there already" in capsys.readouterr().out
    shards = [name for name in before if name.endswith(".tfrecord")]
    assert [listed("set")[name].last_modified for name in shards] == [before[n] for n in shards]


def test_an_excluded_person_is_removed_from_the_bucket(remote_dataset, build_small, tmp_path):
    fewer = copied(remote_dataset, "fewer")
    assert build_small(fewer, "--exclude=Person_0", "--keep_replaced_hours=0") == 0
    assert build_small(tmp_path / "set", "--exclude=Person_0") == 0
    assert objects("fewer") == files_of(tmp_path / "set")
    notes = boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix="fewer/.build/")
    assert not any(b"Person_0" in note.get()["Body"].read() for note in notes)


def test_replaced_shards_stay_in_the_bucket_for_readers(remote_dataset, build_small, capsys):
    rebuilt = copied(remote_dataset, "rebuilt")
    first = {name for name in objects("set") if name.endswith(".tfrecord")}
    assert build_small(rebuilt, "--frames=9") == 0
    assert "3 shards" in (said := capsys.readouterr().out)
    assert "of earlier builds are kept for readers for 48 h" in said
    assert first < objects("rebuilt").keys()
    record = boto3.resource("s3").Object(BUCKET, "rebuilt/.build/replaced.json")
    assert json.loads(record.get()["Body"].read()).keys() == first
    record.put(Body=json.dumps(dict.fromkeys(first, 0)))
    assert build_small(rebuilt, "--frames=9") == 0
    assert not first & objects("rebuilt").keys()


def test_a_build_that_is_denied_access_midway_keeps_the_old_dataset(
    remote_dataset, build_small, troubled, capsys
):
    before = objects("set")
    changed = copied(remote_dataset, "changed")
    uploads = []

    def from_the_second_shard_on(method, key, query):
        if method == "PUT" and key.endswith(".tfrecord") and key not in uploads:
            uploads.append(key)
        return 403 if method in ("POST", "PUT") and len(uploads) > 1 else None

    troubled(from_the_second_shard_on)
    assert build_small(changed, "--frames=9") == 1
    error = capsys.readouterr().err.splitlines()[-1]  # capsys also gets the log
    assert error.startswith("error: The shard ")
    assert "permission is denied in the bucket data" in error
    assert "s3:PutObject" in error
    assert "finished shards are kept" in error
    found = objects("changed")
    assert before.items() < found.items()
    assert len(found) == len(before) + 1
    troubled(lambda *_: None)
    assert build_small(changed, "--frames=9", "--keep_replaced_hours=0") == 0
    assert "1 of them was there already" in capsys.readouterr().out
    assert not objects("changed").keys() & {n for n in before if n.endswith(".tfrecord")}


def test_a_build_whose_shards_are_removed_meanwhile_publishes_nothing(
    remote_dataset, build_small, monkeypatch, capsys
):
    vanishing = copied(remote_dataset, "vanishing")
    manifest = objects("set")["dataset.json"]
    first = min(name for name in objects("set") if name.endswith(".tfrecord"))

    def removed_by_another_build(*_):
        boto3.client("s3").delete_object(Bucket=BUCKET, Key=f"vanishing/{first}")
        return ""

    monkeypatch.setattr("beam_pipelines.driver.card_html", removed_by_another_build)
    assert build_small(vanishing, "--strict") == 1
    assert f"{first} for one; let one build at a time write there" in error_line(capsys)
    assert objects("vanishing")["dataset.json"] == manifest


def test_requests_that_fail_temporarily_are_sent_again(build_small, local_dataset, troubled):
    seen = set()

    def first_of_each_kind(method, key, query):
        kind = (method, key.endswith(".tfrecord"), query.partition("=")[0])
        if kind in seen:
            return None
        seen.add(kind)
        return 503

    troubled(first_of_each_kind)
    assert build_small(f"s3://{BUCKET}/again") == 0
    assert seen == {
        ("GET", False, ""),
        ("GET", False, "list-type"),
        ("GET", True, ""),
        ("POST", False, "delete"),
        ("PUT", False, ""),
        ("PUT", True, ""),
    }
    assert objects("again") == files_of(local_dataset)


def test_a_missing_or_denied_bucket_is_a_one_line_error(
    server, build_small, troubled, capsys, monkeypatch
):
    assert build_small("s3://nowhere/set") == 1
    assert "there is no bucket nowhere" in error_line(capsys)
    troubled(lambda *_: 403)
    assert build_small(f"s3://{BUCKET}/closed") == 1
    error = error_line(capsys)
    assert "permission is denied in the bucket data (ListObjectsV2: AccessDenied)" in error
    assert "AWS_ACCESS_KEY_ID" in error
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    assert build_small(f"s3://{BUCKET}/closed") == 1
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in error_line(capsys)


def test_flags_of_beam_set_the_endpoint(server, build_small, capsys, monkeypatch):
    endpoint = "--s3_endpoint_url=http://127.0.0.1:9"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert build_small(f"s3://{BUCKET}/set", endpoint, "--dry_run") == 1
    assert "127.0.0.1:9" in error_line(capsys)


def test_a_file_system_with_renaming_gets_complete_files(tmp_path, monkeypatch):
    monkeypatch.setattr(Renaming, "root", tmp_path)
    store = store_at(Address("renaming://set"))
    assert store.is_empty()
    with store.lock():
        store.replace({"one": b"1", "none": b""})
        store.replace({"one": b"11"})
        with store.new_file("label") as file:
            file.write(b"shard")
            store.publish(file, "shard")
    assert store.sizes() == {"one": 2, "none": 0, "shard": 5}
    assert store.sizes(".build") == {"lock": 42}
    assert store.sizes("nowhere") == {}
    assert store.read("one") == b"11"
    assert store.still_holds("shard", 5, "")
    assert not store.still_holds("shard", 6, "")
    with store.local_copy("shard") as path:
        assert path.read_bytes() == b"shard"
    store.delete(["one", "nothing"])
    with pytest.raises(FileNotFoundError):
        store.read("one")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [".build", "none", "shard"]


# Without tensorflow-io (Python 3.13), TensorFlow cannot read s3:// itself.
READING = """
import hashlib, json, sys
from importlib.util import find_spec
from pathlib import Path
import tfdata
from tfdata.local_copy import local_copy
from tfdata.storage.tensorflow_files import register_file_systems, tensorflow_paths

def digest(folder):
    tf = register_file_systems()
    manifest = tfdata.load_manifest(folder)
    files = tensorflow_paths(folder, [s.file for s in manifest.splits["train"].shards])
    content = b"".join(record.numpy() for record in tf.data.TFRecordDataset(files))
    return hashlib.sha256(content).hexdigest()

def images(folder, **options):
    options = tfdata.ReadOptions(4, shuffle_buffer=9, seed=1, **options)
    batches = tfdata.load(folder, "train", "image", options)
    return hashlib.sha256(b"".join(x.numpy().tobytes() for x, _ in batches)).hexdigest()

def refused(folder):
    try:
        tfdata.load_manifest(folder)
    except tfdata.DatasetError as error:
        return str(error)

bucket, local_dataset, near = sys.argv[1:]
copy = local_copy(bucket + "/set", Path(near) / "copies")
through_copies = [images(bucket + "/set"), images(bucket + "/set", cache=near)]
needs_tensorflow_io = "tensorflow_io" in sys.modules
print(json.dumps({
    "away": digest(bucket + "/set") if find_spec("tensorflow_io") else digest(local_dataset),
    "here": digest(local_dataset),
    "copy": digest(copy),
    "images": [*through_copies, images(local_dataset)],
    "needs_tensorflow_io": needs_tensorflow_io,
    "closed": refused(bucket + "/closed"),
    "empty": refused(bucket + "/empty"),
    "nowhere": refused("s3://nowhere/set"),
    "short": refused(bucket + "/short"),
    "scheme": refused("ftp://x/y"),
}))
sys.exit(3)
"""


def test_reading_gives_the_same_records_and_keeps_the_exit_status(
    remote_dataset, local_dataset, troubled, tmp_path
):
    short = copied(remote_dataset, "short")
    shard = min(name for name in objects("set") if name.startswith("train"))
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"short/{shard}", Body=b"half")
    seen = set()

    def failing(method, key, query):
        if key.startswith("closed"):
            return 403
        if key.startswith("set/") and (method, key) not in seen:  # for a moment
            seen.add((method, key))
            return 503
        return None

    troubled(failing)
    command = [sys.executable, "-c", READING, f"s3://{BUCKET}", str(local_dataset), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3, done.stderr
    assert "pure virtual method" not in done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert "GET" in {method for method, _ in seen}
    assert found["away"] == found["here"] == found["copy"]
    assert len(set(found["images"])) == 1
    assert not found["needs_tensorflow_io"]
    denied = "permission is denied in the bucket data (GetObject: AccessDenied); check AWS_"
    assert f"s3://data/closed cannot be read: {denied}" in found["closed"]
    assert "s3://data/empty holds no dataset.json (NoSuchKey" in found["empty"]
    missing = "there is no bucket nowhere (NoSuchBucket)"
    assert f"s3://nowhere/set cannot be read: {missing}" in found["nowhere"]
    assert f"The shard {short}/{shard} has 4 bytes" in found["short"]
    assert "ftp://x/y cannot be read" in found["scheme"]
