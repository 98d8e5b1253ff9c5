"""Builds to a server of Google Cloud Storage on loopback, and reading from it."""

from __future__ import annotations

import pytest

import tfdata
from tests import gcs_server
from tests.beam_pipelines.shards.test_s3 import (
    build_small,
    error_line,
    local_dataset,
    small_corpus,
)
from tests.gcs_server import BUCKET
from tests.tools import files_of
from tfdata import verify
from tfdata.local_copy import local_copy

__all__ = ["build_small", "local_dataset", "small_corpus"]  # fixtures
SET = f"gs://{BUCKET}/set"


@pytest.fixture(scope="module")
def bucket():
    with gcs_server.serving() as served:
        yield served


@pytest.fixture(scope="module")
def remote_dataset(bucket, build_small):
    assert build_small(SET) == 0
    return SET


def objects(bucket, folder):
    """Returns name and content of the objects in a folder, without `.build/`."""
    found = {blob.name: blob for blob in bucket.client.list_blobs(bucket, prefix=f"{folder}/")}
    names = {name.removeprefix(f"{folder}/"): blob for name, blob in found.items()}
    return {
        name: blob.download_as_bytes()
        for name, blob in names.items()
        if not name.startswith(".build/")
    }


def test_a_bucket_gets_the_bytes_that_a_disk_gets(remote_dataset, bucket, local_dataset):
    assert objects(bucket, "set") == files_of(local_dataset)


def test_building_again_writes_nothing(remote_dataset, bucket, build_small, capsys):
    before = {blob.name: blob.generation for blob in bucket.list_blobs()}
    assert build_small(remote_dataset) == 0
    assert "nothing is new: 3 shards were there already" in capsys.readouterr().out
    after = {blob.name: blob.generation for blob in bucket.list_blobs()}
    del before["set/.build/lock"], after["set/.build/lock"]
    assert after == before


def test_reading_gives_the_same_examples(remote_dataset, local_dataset, tmp_path, capsys):
    options = tfdata.ReadOptions(4, shuffle_buffer=9, seed=1, cache=str(tmp_path))
    away, here = (
        [image.numpy().tobytes() for image, _ in tfdata.load(place, "train", "image", options)]
        for place in (remote_dataset, local_dataset)
    )
    assert away == here
    assert verify.main([str(local_copy(remote_dataset, tmp_path / "copies"))]) == 0
    assert "is intact" in capsys.readouterr().out


@pytest.mark.slow
def test_replaced_shards_are_removed(bucket, build_small, tmp_path):
    changing = f"gs://{BUCKET}/changing"
    assert build_small(changing) == 0
    assert build_small(changing, "--exclude=Person_0", "--keep_replaced_hours=0") == 0
    assert build_small(tmp_path / "set", "--exclude=Person_0") == 0
    assert objects(bucket, "changing") == files_of(tmp_path / "set")


@pytest.mark.slow
def test_requests_that_fail_temporarily_are_sent_again(
    bucket, build_small, local_dataset, monkeypatch
):
    seen = set()

    def first_of_each_kind(method, path):
        kind = (method, path.partition("?")[0].startswith("/upload"), "set" in path)
        if kind in seen:
            return None
        seen.add(kind)
        return 503

    gcs_server.troubled(monkeypatch, first_of_each_kind)
    assert build_small(f"gs://{BUCKET}/again") == 0
    assert {method for method, *_ in seen} == {"GET", "POST", "DELETE"}
    assert objects(bucket, "again") == files_of(local_dataset)


@pytest.mark.slow
def test_a_build_that_is_denied_access_midway_keeps_finished_shards(
    bucket, build_small, local_dataset, monkeypatch, capsys
):
    uploads = []

    def after_a_shard(method, path):  # whose note is the fourth upload
        uploads.extend([path] if method == "POST" else [])
        return 403 if method == "POST" and len(uploads) > 4 else None

    with monkeypatch.context() as patch:
        gcs_server.troubled(patch, after_a_shard)
        assert build_small(f"gs://{BUCKET}/denied") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: The shard ")
    assert "permission is denied in the bucket data" in error
    assert "storage.objects.create" in error
    assert [name[-9:] for name in objects(bucket, "denied")] == [".tfrecord"]
    assert build_small(f"gs://{BUCKET}/denied") == 0
    assert "1 of them was there already" in capsys.readouterr().out
    assert objects(bucket, "denied") == files_of(local_dataset)


def test_a_missing_bucket_or_server_is_a_one_line_error(bucket, build_small, capsys, monkeypatch):
    assert build_small("gs://nowhere/set") == 1
    assert "there is no bucket nowhere; create it" in error_line(capsys)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert build_small(SET) == 1
    error = error_line(capsys)
    assert "gs://data/set cannot be used: " in error
    assert error.endswith("; check the network, and STORAGE_EMULATOR_HOST if it is set.\n")


def test_reading_from_a_missing_bucket_is_an_error(bucket):
    with pytest.raises(tfdata.DatasetError, match=r"gs://nowhere/set .*there is no such object"):
        tfdata.load_manifest("gs://nowhere/set")
