"""A build makes the same dataset from a corpus in Google Cloud Storage as from a disk."""

from __future__ import annotations

import io

import pytest

from tests.gcs_server import BUCKET, serving
from tests.tools import files_of
from tfdata.storage.base import Address, StorageError
from tfdata.storage.factory import corpus_storage_at


@pytest.fixture(scope="module")
def bucket():
    with serving() as bucket:
        yield bucket


@pytest.fixture(scope="module")
def away(bucket, corpus):
    """The flags of the corpus in the bucket, with some objects that stand for folders."""
    for path in (*corpus.faces.rglob("*.jpg"), *corpus.audio.rglob("*.*"), corpus.meta):
        if path.is_file():
            name = path.relative_to(corpus.meta.parent).as_posix()
            bucket.blob(f"corpus/{name}").upload_from_filename(path)
    bucket.blob("corpus/faces/Person_0/").upload_from_string(b"")
    folder = f"gs://{BUCKET}/corpus"
    meta = f"--meta={folder}/{corpus.meta.name}"
    return [f"--faces={folder}/faces", f"--audio={folder}/wav", meta]


def test_a_corpus_in_a_bucket_becomes_the_same_bytes(away, data_set, build, tmp_path, capsys):
    output = tmp_path / "set"
    assert build(*away, f"--output={output}") == 0
    assert files_of(output) == files_of(data_set)
    capsys.readouterr()
    assert build(*away, f"--output={output}") == 0
    assert "nothing is new: 5 shards were there already" in capsys.readouterr().out


@pytest.mark.slow
def test_media_that_were_just_uploaded_are_left_for_the_next_build(away, build, tmp_path, capsys):
    assert build(*away, f"--output={tmp_path / 'set'}", "--settle_seconds=3600") == 1
    assert "60 media files left for the next build" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("data/corpus/wav", "nowhere/wav"), "there is no bucket nowhere; create it"),
        (("vox1_meta.csv", "none.csv"), "none.csv cannot be read: there is no such object."),
    ],
)
def test_what_cannot_be_read_is_a_one_line_error(away, build, tmp_path, capsys, change, message):
    flags = [flag.replace(*change) for flag in away]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert message in error[0]


def test_a_server_that_does_not_answer_is_a_one_line_error(
    away, build, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert build(*away, f"--output={tmp_path / 'set'}") == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert "gs://data/corpus/faces cannot be used: " in error[0]


def test_a_folder_is_listed_and_read(bucket):
    for name in ("a.txt", "below/", "below/far/b c.txt"):
        bucket.blob(f"folder/{name}").upload_from_string(name)
    folder = corpus_storage_at(Address(f"gs://{BUCKET}/folder"))
    assert folder.folders() == ["below"]
    assert folder.list_files() == {"a.txt": 5}
    [found] = folder.walk("below")
    blob = bucket.get_blob("folder/below/far/b c.txt")
    assert (found.path, found.size, found.version) == ("far/b c.txt", 17, str(blob.generation))
    assert found.modified == blob.time_created.timestamp()
    assert folder.read("a.txt") == b"a.txt"
    file = io.BytesIO()
    folder.download("below/far/b c.txt", file)
    assert file.getvalue() == b"below/far/b c.txt"
    with pytest.raises(FileNotFoundError):
        folder.read("b.txt")
    with pytest.raises(StorageError, match="there is no bucket nowhere"):
        corpus_storage_at(Address("gs://nowhere/folder")).folders()
