"""Files in directories that others prepared: no link is followed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import PRECIOUS, contents_below
from tfdata import ReadOptions, load, load_manifest
from tfdata.storage.files import check_no_links, create_file, open_lock, open_regular, replace_file


def test_copies_of_shards_follow_no_link(data_set, outside, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    shards = load_manifest(data_set).splits["train"].shards
    for number, shard in enumerate(shards):
        target = outside / str(number)
        target.write_bytes(PRECIOUS)
        (cache / shard.file).symlink_to(target)
        (cache / f"{shard.file}.{os.getpid()}.tmp").symlink_to(target)
    before = contents_below(outside)
    options = ReadOptions(cache=str(cache))
    assert sum(len(labels) for _, labels in load(data_set, "train", "image", options)) == 18
    assert contents_below(outside) == before


def test_links_are_found_below_more_folders_than_calls_can_be_nested(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(sys.getrecursionlimit() + 100):
        Path("a").mkdir()
        os.chdir("a")
    Path("link").symlink_to("x")
    monkeypatch.undo()
    try:
        with pytest.raises(OSError, match="/link in it is a symbolic link"):
            check_no_links(tmp_path)
    finally:  # pytest cannot remove a tree of this depth
        subprocess.run(["rm", "-rf", tmp_path / "a"], check=True)


def test_files_are_created_replaced_and_locked_without_following_links(tmp_path, outside):
    target, link, lock = outside / "target", tmp_path / "link", tmp_path / "lock"
    target.write_bytes(PRECIOUS)
    link.symlink_to(target)
    for opening in (create_file, open_lock):
        with pytest.raises(OSError, match="link"):
            opening(link)
    with pytest.raises(OSError, match="link in it is a symbolic link"):
        check_no_links(tmp_path)
    replace_file(link, b"new")
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"
    os.link(target, lock)
    os.close(open_lock(lock))
    assert target.read_bytes() == PRECIOUS
    os.mkfifo(tmp_path / "fifo")
    for opening in (open_regular, open_lock):
        with pytest.raises(OSError, match="it is not a regular file"):
            opening(tmp_path / "fifo")
