"""A build makes the same dataset from a corpus in HDFS as from a disk, also into HDFS."""

from __future__ import annotations

import shutil

import pytest

import tfdata
from beam_pipelines.corpus.meta_file import read_meta
from beam_pipelines.errors import BuildError
from tests import webhdfs
from tests.tools import files_of
from tfdata import verify
from tfdata.local_copy import local_copy
from tfdata.storage.base import Address, StorageError, StoredFile
from tfdata.storage.factory import corpus_storage_at

pytest.importorskip("hdfs", reason="the client for HDFS is not installed")


@pytest.fixture(scope="module")
def root(corpus, tmp_path_factory):
    """The folder that the server serves; the corpus is in /corpus."""
    root = tmp_path_factory.mktemp("hdfs")
    shutil.copytree(corpus.faces.parent, root / "corpus")
    return root


@pytest.fixture(scope="module")
def server(root):
    with webhdfs.serving(root) as flags:
        yield flags


@pytest.fixture(scope="module")
def away(server, corpus):
    folder = "hdfs://corpus"
    meta = f"--meta={folder}/{corpus.meta.name}"
    return [f"--faces={folder}/faces", f"--audio={folder}/wav", meta, *server]


@pytest.mark.slow
def test_a_corpus_in_hdfs_becomes_the_same_bytes_in_hdfs(away, root, data_set, build, capsys):
    output = "--output=hdfs://sets/one"
    assert build(*away, output) == 0
    assert files_of(root / "sets/one") == files_of(data_set)
    capsys.readouterr()
    assert build(*away, output) == 0
    assert "nothing is new: 5 shards were there already" in capsys.readouterr().out


@pytest.mark.slow
def test_media_that_just_changed_are_left_for_the_next_build(away, build, tmp_path, capsys):
    assert build(*away, f"--output={tmp_path / 'set'}", "--settle_seconds=1e9") == 1
    assert "60 media files left for the next build" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("hdfs://corpus/wav", "hdfs://corpus/nowhere"), "hdfs://corpus/nowhere cannot be used: "),
        (("vox1_meta.csv", "none.csv"), "none.csv cannot be read: there is no such file."),
        (("--hdfs_port=", "--hdfs_port=1"), "check --hdfs_host and --hdfs_port"),
        (("--hdfs_user=ann", ""), "hdfs:// needs --hdfs_user; give it"),
    ],
)
def test_what_cannot_be_read_is_a_one_line_error(away, build, tmp_path, capsys, change, message):
    flags = [changed for flag in away if (changed := flag.replace(*change))]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert message in error[0]


@pytest.mark.slow
def test_media_without_permission_end_the_build(away, root, build, tmp_path, capsys):
    face = next((root / "corpus/faces").rglob("*.jpg"))
    face.chmod(0)
    try:
        assert build(*away, f"--output={tmp_path / 'set'}") == 1
    finally:
        face.chmod(0o644)
    assert "permission is denied" in capsys.readouterr().err


def test_a_folder_is_listed_and_read(root, server):
    (root / "folder/below/far").mkdir(parents=True)
    (root / "folder/a.txt").write_text("one")
    path = root / "folder/below/far/b c.txt"
    path.write_text("three")
    storage = corpus_storage_at(Address("hdfs://folder", tuple(server)))
    assert storage.folders() == ["below"]
    assert storage.list_files() == {"a.txt": 3}
    assert storage.list_files("nowhere") == {}
    changed = path.stat().st_mtime_ns // 1_000_000
    assert list(storage.walk("below")) == [
        StoredFile("far/b c.txt", 5, str(changed), changed / 1000)
    ]
    assert storage.read("below/far/b c.txt") == b"three"
    with (root / "copy").open("wb") as file:
        storage.download("a.txt", file)
    assert (root / "copy").read_bytes() == b"one"
    with pytest.raises(FileNotFoundError):
        storage.read("b.txt")
    with pytest.raises(StorageError, match="a corpus is not read from ftp://"):
        corpus_storage_at(Address("ftp://x/y"))


def test_a_dataset_is_read_through_webhdfs(root, server, data_set, tmp_path, monkeypatch, capsys):
    shutil.copytree(data_set, root / "here/set")
    port = server[1].partition("=")[2]
    monkeypatch.setenv("FACEVOICE_WEBHDFS", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("HADOOP_USER_NAME", "ann")
    away = "hdfs://namenode:8020/here/set"
    options = tfdata.ReadOptions(4, shuffle_buffer=9, seed=1)
    read, expected = (
        [image.numpy().tobytes() for image, _ in tfdata.load(place, "train", "image", options)]
        for place in (away, data_set)
    )
    assert read == expected
    assert verify.main([str(local_copy(away, tmp_path))]) == 0
    assert "is intact" in capsys.readouterr().out
    with pytest.raises(tfdata.DatasetError, match=r"holds no dataset.json \(there is no such file"):
        tfdata.load_manifest("hdfs://namenode:8020/here")
    monkeypatch.setenv("FACEVOICE_WEBHDFS", "http://127.0.0.1:9")
    with pytest.raises(tfdata.DatasetError, match=r"check FACEVOICE_WEBHDFS \(http://127.0.0.1:9"):
        tfdata.load_manifest(away)


def test_a_table_in_the_root_is_read(root, server, corpus):
    shutil.copy(corpus.meta, root / "meta.csv")
    assert read_meta(Address("hdfs://meta.csv", tuple(server))) == read_meta(corpus.meta)
    with pytest.raises(BuildError, match=r"none\.csv cannot be read: there is no such file"):
        read_meta(Address("hdfs://none.csv", tuple(server)))


def test_files_whose_responses_break_off_are_read_on(tmp_path):
    content = bytes(range(256)) * 40
    for name in ("once", "always"):
        (tmp_path / name).write_bytes(content)
    with webhdfs.serving(tmp_path, ["once", "once", *(["always"] * 5)]) as flags:
        storage = corpus_storage_at(Address("hdfs://.", tuple(flags)))
        assert storage.read("once") == content
        with pytest.raises(StorageError, match=r"responses broke off 5 times .*; check"):
            storage.read("always")
