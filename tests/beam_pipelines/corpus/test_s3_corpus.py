"""A build makes the same dataset from a corpus in S3 as from a disk."""

from __future__ import annotations

import errno
import os
import shutil

import boto3
import pytest

from beam_pipelines.corpus.fetched_files import FetchedFiles
from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.errors import BuildError
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.trials import read_trials
from tests.beam_pipelines.shards.test_s3 import BUCKET, error_line, server, troubled
from tests.beam_pipelines.test_videos import write_own_video
from tests.conftest import write_corpus
from tests.tools import files_of
from tfdata import load_manifest
from tfdata.storage.base import Address

__all__ = ["server", "troubled"]  # fixtures


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Writes a corpus of three people with some broken media."""
    corpus = write_corpus(tmp_path_factory.mktemp("damaged"), videos=4)
    faces = corpus.faces / "Person_1" / "1.6"
    shutil.copytree(faces / "-video11", faces / "copy")
    for tree, suffix in ((corpus.faces, "jpg"), (corpus.audio, "wav")):
        for path in sorted(tree.rglob(f"*.{suffix}"))[::7]:
            path.write_bytes(path.read_bytes()[:30])
    return corpus


def uploaded(corpus, name="corpus"):
    """Copies a corpus to a folder of the bucket; returns the flags for it."""
    for tree, folder in ((corpus.faces, "faces"), (corpus.audio, "wav")):
        for path in tree.rglob("*.*"):
            if path.is_file():
                key = f"{name}/{folder}/{path.relative_to(tree).as_posix()}"
                boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    address = f"s3://{BUCKET}/{name}"
    return [f"--faces={address}/faces", f"--audio={address}/wav", f"--meta={corpus.meta}"]


@pytest.fixture(scope="module")
def away(server, damaged):
    return uploaded(damaged)


def test_media_in_a_bucket_become_the_same_bytes(away, damaged, build, capsys, tmp_path):
    flags = ["--duplicates=drop"]
    assert build(*damaged.flags, *flags, f"--output={tmp_path / 'here'}") == 0
    assert build(*away, *flags, f"--output={tmp_path / 'away'}") == 0
    assert load_manifest(tmp_path / "away").duplicates.dropped == 2  # broken files are no copies
    assert files_of(tmp_path / "away") == files_of(tmp_path / "here")
    assert (tmp_path / "away" / "rejects.jsonl").read_text().count("\n") > 2
    assert build(*away, *flags, f"--output={tmp_path / 'away'}") == 0
    assert "nothing is new: 6 shards were there already" in capsys.readouterr().out


def test_tables_in_a_bucket_are_read(server, damaged, build, capsys, tmp_path):
    lines = [
        f"{1 + number % 3} {path.relative_to(damaged.audio).as_posix()}"
        for number, path in enumerate(sorted(damaged.audio.rglob("*.wav")))
    ]
    tables = {"meta.csv": damaged.meta.read_bytes(), "split.txt": "\n".join(lines).encode()}
    flags = []
    for flag, (name, content) in zip(("meta", "split_file"), tables.items(), strict=True):
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"tables/{name}", Body=content)
        (tmp_path / name).write_bytes(content)
        flags.append(f"--{flag}={{}}/{name}")
    roots = [f"--faces={damaged.faces}", f"--audio={damaged.audio}"]
    for place, output in ((f"s3://{BUCKET}/tables", "away"), (tmp_path, "here")):
        given = [flag.format(place) for flag in flags]
        assert build(*roots, *given, f"--output={tmp_path / output}") == 0
    assert files_of(tmp_path / "away") == files_of(tmp_path / "here")
    capsys.readouterr()
    missing = flags[1].format(f"s3://{BUCKET}/nowhere")
    assert build(*roots, flags[0].format(tmp_path), missing, f"--output={tmp_path / 'no'}") == 1
    assert error_line(capsys) == (
        "error: --split_file s3://data/nowhere/split.txt cannot be read: NoSuchKey: there is no "
        "such object.\n"
    )


def test_trials_in_a_bucket_are_read(server):
    content = b"1 a/x.wav a/y.wav\r\n0 a/x.wav b/z.wav\r\n"
    boto3.client("s3").put_object(Bucket=BUCKET, Key="tables/trials.txt", Body=content)
    trials = read_trials(f"s3://{BUCKET}/tables/trials.txt")
    assert trials.files == ("a/x.wav", "a/y.wav", "b/z.wav")
    assert trials.same.tolist() == [True, False]
    with pytest.raises(EvaluationError, match=r"--trials s3://data/none.txt cannot be read: "):
        read_trials(f"s3://{BUCKET}/none.txt")


def test_videos_in_a_bucket_become_the_same_bytes(server, build, tmp_path, monkeypatch):
    downloads = []
    fetch = FetchedFiles.fetch

    def counting(fetched, path, download):
        def count(*args):
            downloads.append(path)
            download(*args)

        return fetch(fetched, path, count)

    monkeypatch.setattr(FetchedFiles, "fetch", counting)
    videos = tmp_path / "videos"
    for number, person in enumerate(("Ann", "Ben")):
        write_own_video(videos / person / "a.mp4", number, seconds=2.0)
    shutil.copy(videos / "Ann/a.mp4", videos / "Ann/b.mp4")
    for path in videos.rglob("*.mp4"):
        key = path.relative_to(tmp_path).as_posix()
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    flags = ["--split_by=pair", "--num_shards=1", "--duplicates=drop"]
    roots = {"here": videos, "away": f"s3://{BUCKET}/videos"}
    for output, root in roots.items():
        assert build(f"--videos={root}", *flags, f"--output={tmp_path / output}") == 0
    assert files_of(tmp_path / "away") == files_of(tmp_path / "here")
    manifest = load_manifest(tmp_path / "away")
    assert manifest.duplicates.dropped == 1
    # To compare contents, for the header, and once for each shard, however many moments it has.
    assert len(downloads) <= 3 + 1 + 2 + 2 * len(manifest.shards)


def test_copies_of_videos_are_removed_beyond_a_size():
    fetched, downloads = FetchedFiles(max_bytes=25), []

    def download(path, file):
        downloads.append(path)
        if path == "broken":
            raise OSError("the transfer failed")
        file.write(b"0123456789" * len(path))

    a, b = fetched.fetch("a", download), fetched.fetch("b", download)
    assert fetched.fetch("a", download) == a
    assert a.read_bytes() == b"0123456789"
    fetched.fetch("c", download)
    assert a.exists()
    assert not b.exists()
    large = fetched.fetch("large", download)
    assert not a.exists()
    with pytest.raises(OSError, match="the transfer failed"):
        fetched.fetch("broken", download)
    assert list(large.parent.iterdir()) == [large]
    assert downloads == ["a", "b", "c", "large", "broken"]
    del fetched
    assert not large.parent.exists()


def test_media_that_were_just_uploaded_are_left_for_the_next_build(away, build, capsys, tmp_path):
    assert build(*away, "--settle_seconds=3600", f"--output={tmp_path / 'set'}") == 1
    error = error_line(capsys)
    assert "No pair could be made" in error
    assert "left for the next build, because they changed within --settle_seconds: " in error
    assert "--audio id10000/-video00/00001.wav" in error


def test_a_missing_bucket_is_a_one_line_error(away, build, capsys, tmp_path):
    flags = [flag.replace("s3://data/corpus/wav", "s3://nowhere/wav") for flag in away]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 1
    assert "there is no bucket nowhere" in error_line(capsys)
    assert not (tmp_path / "set").exists()


def test_media_without_permission_end_the_build_and_are_not_rejects(
    away, build, troubled, capsys, tmp_path
):
    troubled(lambda method, key, _: 403 if method == "GET" and key.endswith(".jpg") else None)
    assert build(*away, f"--output={tmp_path / 'set'}") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: s3://data/corpus/faces cannot be used: ")
    assert "permission is denied in the bucket data (GetObject: AccessDenied)" in error
    assert not (tmp_path / "set" / "dataset.json").exists()


def test_a_full_temporary_directory_is_named(server, monkeypatch):
    def fill(fetched, path, download):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FetchedFiles, "fetch", fill)
    tree = tree_at(Address(f"s3://{BUCKET}/videos"))
    with pytest.raises(BuildError, match=r"a\.mp4 cannot be copied to .*; free space there"):
        tree.source("Ann/a.mp4")
