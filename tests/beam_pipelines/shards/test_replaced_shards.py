"""Tests of rebuilds while a dataset is read: replaced shards are kept for a time."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from beam_pipelines.shards.file_names import REPLACED_NAME
from beam_pipelines.shards.replaced_shards import clean_up
from beam_pipelines.shards.stores import DiskStore
from tests.tools import files_of
from tfdata import ReadOptions, load, load_manifest, verify

HOUR = 3600
NAME = "train-00000-of-00002-0123456789ab.tfrecord"
DAMAGED = ["[" * 100_000, "no JSON", "[]", f'{{"{NAME}": "x"}}', f'{{"{NAME}": NaN}}', "{"]
DAMAGED.append(f'{{"{NAME}": {10**400}}}')


@pytest.fixture
def old(data_set, tmp_path):
    """A dataset that may be built again."""
    return shutil.copytree(data_set, tmp_path / "set")


def shards_of(folder):
    return {path.name for path in folder.glob("*.tfrecord")}


def record_of(folder):
    return json.loads((folder / REPLACED_NAME).read_text())


def set_times(folder, names, *, replaced, read):
    """Makes it look as if shards were replaced, and read, so many hours ago."""
    now = time.time()
    record = dict.fromkeys(names, now - replaced * HOUR)
    (folder / REPLACED_NAME).write_text(json.dumps(record))
    for name in names:
        os.utime(folder / name, (now - read * HOUR, now - 1000 * HOUR))


def test_a_reader_continues_while_the_dataset_is_rebuilt(corpus, build, old, capsys):
    manifest = load_manifest(old)
    options = ReadOptions(batch_size=1, epochs=2)
    batches = iter(load(old, "train", "image", options))
    next(batches)
    assert build(*corpus.flags, "--image_size=20", f"--output={old}") == 0
    size = sum(shard.bytes for shard in manifest.shards) / 1e6
    said = capsys.readouterr().out
    assert (
        f"{len(manifest.shards)} shards ({size:.1f} MB) of earlier builds are kept for readers for "
        f"48 h; --keep_replaced_hours 0 removes them now" in said
    )
    assert 1 + sum(1 for _ in batches) == 2 * 18
    assert load_manifest(old).image_shape == (20, 20, 3)
    assert record_of(old).keys() == {shard.file for shard in manifest.shards}


def test_a_later_build_removes_shards_after_the_grace_time(corpus, build, old, capsys):
    first = shards_of(old)
    flags = [*corpus.flags, "--image_size=20", f"--output={old}"]
    assert build(*flags) == 0
    second = shards_of(old) - first
    set_times(old, first, replaced=49, read=47)
    assert build(*flags) == 0
    assert shards_of(old) == first | second  # they were read
    set_times(old, first, replaced=47, read=500)
    assert build(*flags) == 0
    assert shards_of(old) == first | second  # they were in use not long ago
    set_times(old, first, replaced=49, read=49)
    capsys.readouterr()
    assert build(*flags, "--dry_run") == 0
    assert shards_of(old) == first | second
    assert build(*flags) == 0
    assert shards_of(old) == second
    assert "of earlier builds are removed" in capsys.readouterr().out
    assert not (old / REPLACED_NAME).exists()
    assert build(*flags) == 0
    assert "earlier builds" not in capsys.readouterr().out


def test_shards_that_a_manifest_names_again_are_kept(corpus, build, old, data_set):
    first = shards_of(old)
    assert build(*corpus.flags, "--image_size=20", f"--output={old}") == 0
    second = shards_of(old) - first
    assert record_of(old).keys() == first
    set_times(old, first, replaced=47, read=47)
    assert build(*corpus.flags, f"--output={old}") == 0
    assert files_of(data_set).items() <= files_of(old).items()
    assert record_of(old).keys() == second
    assert build(*corpus.flags, f"--output={old}", "--keep_replaced_hours=0") == 0
    assert files_of(old) == files_of(data_set)
    assert not (old / REPLACED_NAME).exists()


def test_the_time_counts_from_the_build_that_replaced_them(corpus, build, old):
    first = shards_of(old)
    assert build(*corpus.flags, "--image_size=20", f"--output={old}") == 0
    record = record_of(old)
    assert all(abs(since - time.time()) < 60 for since in record.values())
    assert build(*corpus.flags, "--image_size=24", f"--output={old}") == 0
    assert {name: since for name, since in record_of(old).items() if name in first} == record
    assert len(record_of(old)) == 2 * len(first)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_record_is_ignored(tmp_path, text):
    store = DiskStore(tmp_path)
    (tmp_path / ".build").mkdir()
    (tmp_path / NAME).write_bytes(b"shard")
    (tmp_path / REPLACED_NAME).write_text(text)
    os.utime(tmp_path / NAME, (0, 0))
    found = clean_up(store, {NAME: 5}, HOUR, recorded=True)
    assert (found.kept, found.removed) == ({NAME: 5}, {})
    assert abs(record_of(tmp_path)[NAME] - time.time()) < 60


def test_a_record_of_the_future_counts_from_now(tmp_path):
    store = DiskStore(tmp_path)
    (tmp_path / ".build").mkdir()
    (tmp_path / REPLACED_NAME).write_text(json.dumps({NAME: 1e12}))
    clean_up(store, {NAME: 5}, HOUR, recorded=True)
    assert abs(record_of(tmp_path)[NAME] - time.time()) < 60


class Requests(DiskStore):
    """A store that records its requests and has no access times."""

    def __init__(self, folder):
        super().__init__(folder)
        self.requests = []

    def read(self, name):
        self.requests.append(name)
        return super().read(name)

    def replace(self, contents):
        self.requests += contents
        super().replace(contents)

    def delete(self, names):
        names = list(names)
        self.requests += names
        super().delete(names)

    def last_read(self, names):
        return {}


def test_a_store_without_replaced_shards_gets_no_requests(tmp_path):
    (tmp_path / ".build").mkdir()
    store = Requests(tmp_path)
    assert not clean_up(store, {}, HOUR, recorded=False).kept
    assert store.requests == []
    assert clean_up(store, {NAME: 5}, HOUR, recorded=False).kept == {NAME: 5}
    assert store.requests == [REPLACED_NAME]
    assert clean_up(store, {NAME: 5}, HOUR, recorded=True).kept == {NAME: 5}
    assert store.requests == [REPLACED_NAME] * 2  # read, and not written again


def test_without_access_times_the_time_since_the_replacement_counts(tmp_path):
    (tmp_path / ".build").mkdir()
    store = Requests(tmp_path)
    (tmp_path / NAME).write_bytes(b"shard")  # read just now, as the disk knows
    set_times(tmp_path, [NAME], replaced=2, read=0)
    assert clean_up(store, {NAME: 5}, HOUR, recorded=True).removed == {NAME: 5}
    assert not (tmp_path / NAME).exists()


def test_verify_distinguishes_replaced_shards_from_unknown_files(corpus, build, old, capsys):
    number = len(shards_of(old))
    assert build(*corpus.flags, "--image_size=20", f"--output={old}") == 0
    (old / "mine.tfrecord").write_bytes(b"?")
    capsys.readouterr()
    assert verify.main([str(old)]) == 0
    replaced, strange, _ = capsys.readouterr().out.splitlines()
    assert replaced == f"Note: {number} shards of earlier builds, kept for readers, were not read."
    assert strange == "Note: mine.tfrecord is not part of this dataset and was not read."


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon"])
def test_a_wrong_grace_time_is_refused(corpus, build, capsys, value):
    with pytest.raises(SystemExit):
        build(*corpus.flags, f"--keep_replaced_hours={value}")
    assert "use a number of 0 or more" in capsys.readouterr().err
