"""Copies of shards are made ahead of the reader, verified, and bounded."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tfdata import DatasetError, ReadOptions, load, load_manifest, shard_cache, sources
from tfdata.recovery import DamageWarning
from tfdata.shard_cache import ShardCache
from tfdata.storage.base import StorageError
from tfdata.storage.factory import storage_at

MIXED = {"shuffle_buffer": 7, "seed": 3}


class Remote:
    """A local dataset as if it were remote; counts downloads, and can be made to fail."""

    def __init__(self, folder):
        self.storage = storage_at(folder)
        self.downloads = []
        self.together = Barrier(1)  # of downloads that wait for each other
        self.damaged = 0  # the number of downloads that are damaged on their way

    def download(self, name, file):
        self.downloads.append(name)
        self.together.wait()
        self.storage.download(name, file)
        if self.damaged:
            self.damaged -= 1
            file.seek(40)
            file.write(b"?")


@pytest.fixture
def dataset(data_set, tmp_path):
    return shutil.copytree(data_set, tmp_path / "dataset")


@pytest.fixture
def remote(dataset, monkeypatch):
    remote = Remote(dataset)
    monkeypatch.setattr(shard_cache, "storage_at", lambda _: remote)
    return remote


@pytest.fixture
def shards(dataset):
    """All shards of the dataset; the first two are of the training split."""
    return load_manifest(dataset).shards


def images(dataset, **options):
    batches = load(dataset, "train", "image", ReadOptions(4, **options))
    return [image.numpy().tobytes() for batch, _ in batches for image in batch]


def cache(dataset, shards, folder=None, max_bytes=10**9, **options):
    return ShardCache(dataset, load_manifest(dataset), shards, folder, max_bytes, **options)


def test_a_shard_is_downloaded_once_however_many_threads_fetch_it(dataset, remote, shards):
    copies = cache(dataset, shards)
    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(copies.fetch, [0, 1] * 8))
    assert len(set(paths)) == 2
    assert sorted(remote.downloads) == sorted(shard.file for shard in shards[:2])
    for path in map(Path, paths):
        assert path.read_bytes() == (dataset / path.name).read_bytes()


def test_requested_shards_are_downloaded_at_a_time(dataset, remote, shards):
    remote.together = Barrier(3, timeout=60)
    copies = cache(dataset, shards)
    for index in range(3):
        copies.request(index)
    for index in range(3):
        assert Path(copies.fetch(index)).stat().st_size == shards[index].bytes
    assert len(remote.downloads) == 3


def test_an_epoch_requests_all_its_shards_before_it_reads_the_first(dataset, remote, monkeypatch):
    from tfdata import loader

    number = len(load_manifest(dataset).splits["train"].shards)
    remote.together = Barrier(number, timeout=60)
    monkeypatch.setattr(loader, "is_address", lambda _: True)
    monkeypatch.setattr(loader, "load_manifest", lambda *_, **__: load_manifest(dataset))
    monkeypatch.setattr(loader, "check_shard_sizes", lambda *_: None)
    assert number > 1
    assert len(images(dataset)) == 18


def test_a_copy_that_was_removed_after_its_request_is_downloaded_again(
    dataset, remote, shards, monkeypatch
):
    monkeypatch.setattr(shard_cache, "KEPT_COPIES", 1)
    copies = cache(dataset, shards, max_bytes=0)
    copies.request(0)
    copies._requests[0].result(timeout=60)
    copies.fetch(1)
    assert Path(copies.fetch(0)).exists()


def test_all_shards_are_fetched_in_order_and_some_requested_ahead(monkeypatch):
    monkeypatch.setattr(sources, "AT_A_TIME", 3)
    calls = []
    paths = sources.fetch_all(
        range(5), lambda i: calls.append(("fetch", i)) or f"{i}", lambda i: calls.append(i)
    )
    assert list(paths) == ["0", "1", "2", "3", "4"]
    fetched = [("fetch", i) for i in range(5)]
    assert calls == [0, 1, 2, fetched[0], 3, fetched[1], 4, *fetched[2:]]


def test_a_request_that_fails_is_an_error_of_the_fetch(dataset, remote, shards):
    remote.damaged = 2
    copies = cache(dataset, shards)
    copies.request(0)
    with pytest.raises(DatasetError, match=rf"{shards[0].file} has other content"):
        copies.fetch(0)
    assert Path(copies.fetch(0)).exists()


def test_the_oldest_copies_are_removed_beyond_the_maximum(dataset, remote, shards, monkeypatch):
    monkeypatch.setattr(shard_cache, "KEPT_COPIES", 2)
    first, second, third = shards[:3]
    copies = cache(dataset, shards, max_bytes=first.bytes + second.bytes)
    for index in (0, 1, 0, 2):
        folder = Path(copies.fetch(index)).parent
    assert {path.name for path in folder.iterdir()} == {first.file, third.file}
    copies.fetch(1)
    assert {path.name for path in folder.iterdir()} == {second.file, third.file}
    assert remote.downloads == [first.file, second.file, third.file, second.file]


def test_copies_in_a_named_folder_stay(dataset, remote, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_cache, "KEPT_COPIES", 0)
    for _ in range(2):
        copies = cache(dataset, shards, tmp_path / "copies", max_bytes=0)
        assert [Path(copies.fetch(i)).exists() for i in range(3)] == [True] * 3
    assert len(remote.downloads) == 3


def test_a_transfer_that_damages_a_shard_is_repeated(dataset, remote, shards):
    remote.damaged = 1
    copy = Path(cache(dataset, shards).fetch(0))
    assert copy.read_bytes() == (dataset / copy.name).read_bytes()
    assert remote.downloads == [shards[0].file] * 2


def test_a_shard_that_is_damaged_for_good_is_an_error_and_leaves_no_file(dataset, remote, shards):
    remote.damaged = 2
    copies = cache(dataset, shards)
    with pytest.raises(
        DatasetError, match=rf"{shards[0].file} has other content than the manifest"
    ):
        copies.fetch(0)
    assert not list(Path(copies.paths()[0]).parent.iterdir())


def test_a_failed_request_is_an_error_also_if_damage_is_skipped(dataset, remote, shards):
    def fail(*_):
        raise StorageError("s3://bucket/set", "nobody answers")

    remote.download = fail
    with pytest.raises(DatasetError, match="cannot be read: nobody answers"):
        cache(dataset, shards, damage="skip").fetch(0)


@pytest.mark.parametrize("options", [{}, MIXED, {**MIXED, "epochs": 2}, {"cache": "memory"}])
def test_a_dataset_is_read_in_the_same_order_through_copies(dataset, tmp_path, options):
    folder = {"cache": tmp_path / "copies"} if "cache" not in options else {}
    assert images(dataset, **{**options, **folder}) == images(dataset, **options)


def test_a_remote_dataset_is_downloaded_once_for_all_epochs(dataset, remote, monkeypatch):
    from tfdata import loader

    expected = images(dataset, **MIXED, epochs=2)
    monkeypatch.setattr(loader, "is_address", lambda _: True)
    monkeypatch.setattr(loader, "load_manifest", lambda *_, **__: load_manifest(dataset))
    monkeypatch.setattr(loader, "check_shard_sizes", lambda *_: None)
    assert images(dataset, **MIXED, epochs=2, max_cache_bytes=0) == expected
    assert len(remote.downloads) == len(load_manifest(dataset).splits["train"].shards)


def test_damaged_records_of_a_remote_dataset_are_skipped(dataset, remote, shards, monkeypatch):
    from tfdata import loader

    path = dataset / shards[1].file
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.warns(DamageWarning, match="1 of 18 records"):
        expected = images(dataset, **MIXED, damage="skip")
    monkeypatch.setattr(loader, "is_address", lambda _: True)
    monkeypatch.setattr(loader, "load_manifest", lambda *_, **__: load_manifest(dataset))
    with pytest.warns(DamageWarning, match="1 of 18 records"):
        assert images(dataset, **MIXED, damage="skip") == expected
    assert len(expected) == 17
