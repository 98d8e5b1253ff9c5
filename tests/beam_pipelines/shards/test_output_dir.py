"""Tests of writing into directories that others prepared: nothing outside changes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket

import pytest

from beam_pipelines.errors import BuildError
from beam_pipelines.shards import output_dir
from beam_pipelines.shards.file_names import is_build_file, is_temporary, is_work_file
from tests.tools import PRECIOUS, contents_below, error_line, files_of
from tfdata import DatasetError, load_manifest

DEEP = "[" * 100_000


@pytest.fixture
def received(data_set, tmp_path):
    """A copy of a dataset with its notes, to plant something in."""
    return shutil.copytree(data_set, tmp_path / "set")


def real_name(received, name):
    """The path of a file of a build, of which a pattern may stand for the name."""
    return next(iter(sorted(received.glob(name))), received / name)


NAMES = [
    "dataset.json",
    "card.html",
    "rejects.jsonl",
    "train-00000-*.tfrecord",
    ".build/lock",
    ".build/workers.log",
    ".build/outline.json",
    ".build/replaced.json",
    ".build/" + "[0-9a-f]" * 32 + ".json",
]


@pytest.mark.parametrize("name", [".build", *NAMES, "sub/notes.txt"])
def test_a_link_in_an_output_folder_is_refused(corpus, build, received, outside, capsys, name):
    path = real_name(received, name)
    path.parent.mkdir(exist_ok=True)
    target = outside / "target"
    if path.exists():
        shutil.move(path, target)
    else:
        target.write_bytes(PRECIOUS)
    path.symlink_to(target)
    before, inside = contents_below(outside), contents_below(received)
    for flags in ([], ["--dry_run"]):
        assert build(*corpus.flags, "--image_size=20", f"--output={received}", *flags) == 1
        error = error_line(capsys)
        assert f"{path.relative_to(received)} in it is a symbolic link" in error
        assert "remove it" in error
    assert contents_below(outside) == before
    assert contents_below(received) == inside


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (lambda work, _: work.write_text("x"), ".build in it is not a directory"),
        (lambda work, _: os.mkfifo(work), ".build in it is not a directory"),
        (lambda work, outside: work.symlink_to(outside), ".build in it is a symbolic link"),
        (lambda work, _: work.symlink_to("nowhere"), ".build in it is a symbolic link"),
    ],
    ids=["file", "FIFO", "link", "dangling link"],
)
def test_something_else_in_place_of_the_work_folder_is_named(tmp_path, outside, plant, found):
    output = tmp_path / "set"
    output.mkdir()
    plant(output / ".build", outside)
    with pytest.raises(BuildError, match=rf"--output {output} cannot be used: {found}.*; remove"):
        output_dir.check_output(output)
    assert not list(outside.iterdir())


def test_an_output_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="cannot be used: it is not a directory; remove it, or"):
        output_dir.check_output(tmp_path / "file")


def test_a_dangling_link_is_refused_and_its_target_is_not_created(
    corpus, build, received, outside, capsys
):
    (received / ".build" / "workers.log").symlink_to(outside / "created")
    assert build(*corpus.flags, f"--output={received}") == 1
    assert ".build/workers.log in it is a symbolic link" in error_line(capsys)
    assert not list(outside.iterdir())


def test_the_name_of_a_link_is_printed_as_plain_text(corpus, build, received, outside, capsys):
    (received / "a\nb\x1b[2J").symlink_to(outside)
    assert build(*corpus.flags, f"--output={received}") == 1
    assert r"a\nb\x1b[2J in it is a symbolic link" in error_line(capsys)


def test_the_output_folder_itself_may_be_a_link(corpus, build, data_set, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "set").symlink_to(tmp_path / "real")
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    assert files_of(tmp_path / "real") == files_of(data_set)


def test_hard_links_in_an_output_folder_keep_their_content(corpus, build, received, outside):
    for number, name in enumerate(NAMES):
        path = real_name(received, name)
        if path.exists() and name != ".build/lock":
            shutil.copy(path, outside / str(number))
            path.unlink()
        else:
            path.unlink(missing_ok=True)
            (outside / str(number)).write_bytes(PRECIOUS)
        os.link(outside / str(number), path)
    before = contents_below(outside)
    flags = ["--image_size=20", "--keep_replaced_hours=0"]
    assert build(*corpus.flags, *flags, f"--output={received}") == 0
    assert contents_below(outside) == before
    assert load_manifest(received).image_shape == (20, 20, 3)


def plant(kind, path):
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        # The path of a socket must be short.
        with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):
            listening.bind(path.name)


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket"])
def test_an_irregular_file_with_a_name_of_a_build_is_a_one_line_error(
    corpus, build, data_set, tmp_path, capsys, kind
):
    for number, name in enumerate(NAMES):
        output = shutil.copytree(data_set, tmp_path / str(number))
        path = real_name(output, name)
        plant(kind, path)
        for flags in ([], ["--dry_run"]):
            assert build(*corpus.flags, f"--output={output}", *flags) == 1
            error = error_line(capsys)
            assert f"{path.relative_to(output)} in it is not a regular file; remove it" in error


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "socket"])
def test_files_that_are_planted_after_the_check_are_not_written_to(
    corpus, build, received, outside, capsys, monkeypatch, kind
):
    target, work = outside / "target", received / ".build"
    target.write_bytes(PRECIOUS)
    monkeypatch.setattr(output_dir, "_check_files", lambda output: None)
    for names in (["lock"], ["workers.log", "leaks.json"]):
        for name in names:
            if kind == "link":
                (work / name).unlink(missing_ok=True)
                (work / name).symlink_to(target)
            else:
                plant(kind, work / name)
        if build(*corpus.flags, f"--output={received}"):
            error_line(capsys)
        assert target.read_bytes() == PRECIOUS
        for path in work.glob("lock"):
            path.rmdir() if path.is_dir() else path.unlink()


def test_files_of_other_names_are_not_removed(corpus, build, received):
    digest = "0123456789abcdef" * 2
    theirs = [
        "dataset.json.0a.tmp",
        "dataset.json.bak",
        f"report.html.{digest}.tmp",
        "train-00000-of-00002-0123456789ab.tfrecord.bak",
        "train-00000-of-00002-0123456789abc.tfrecord",
        f"{digest}.json",
        ".build/rejects.jsonl.mine",
        ".build/outline.json.old",
        ".build/leaks.json2",
        f".build/{digest}.notes.tmp",
        f".build/{digest}0.json",
        ".build/workers.log.1",
    ]
    leftovers = [
        f"dataset.json.{digest}.tmp",
        f"train-00000-of-00002-0123456789ab.tfrecord.{digest}.tmp",
        f".build/{digest}.{digest}.tmp",
        f".build/{digest}.json.{digest}.tmp",
        f".build/lock.{digest}.tmp",
        f".build/{digest}.json",
        ".build/rejects.jsonl",
    ]
    for name in (*theirs, *leftovers):
        (received / name).write_bytes(PRECIOUS)
    assert build(*corpus.flags, f"--output={received}", "--keep_replaced_hours=0") == 0
    assert [name for name in theirs if not (received / name).exists()] == []
    assert [name for name in leftovers if (received / name).exists()] == []
    assert [name for name in theirs if is_build_file(name)] == []
    assert all(is_temporary(name) or is_work_file(name) for name in leftovers)


def test_invalid_result_files_are_written_again(corpus, build, received, data_set):
    notes = [*sorted((received / ".build").glob("*.json")), received / ".build" / "replaced.json"]
    wrong = json.dumps(json.loads(notes[4].read_text()) | {"pairs": {"Person_0": "many"}})
    texts = [DEEP, "[]", '"text"', '{"rejects": [], "replaced": []}', wrong, DEEP, "\xff"]
    for note, text in zip(notes, texts, strict=True):
        note.write_bytes(text.encode("latin-1"))
    assert build(*corpus.flags, f"--output={received}", "--dry_run") == 0
    assert build(*corpus.flags, f"--output={received}") == 0
    assert files_of(received) == files_of(data_set)


def test_a_result_file_cannot_name_a_shard_elsewhere(corpus, build, received, data_set, outside):
    """Where a dataset lies at an address, the shard would be fetched, and written there."""
    for note in (received / ".build").glob(f"{'?' * 32}.json"):
        fields = json.loads(note.read_text())
        del fields["checksum"]  # as in a file of a version without it
        shutil.copy(received / fields["file"], outside)
        note.write_text(json.dumps(fields | {"file": f"../outside/{fields['file']}"}))
    before = contents_below(outside)
    assert build(*corpus.flags, f"--output={received}") == 0
    assert files_of(received) == files_of(data_set)
    assert contents_below(outside) == before


def test_a_manifest_cannot_name_a_shard_elsewhere(received, tmp_path):
    fields = json.loads((received / "dataset.json").read_text())
    shard = fields["splits"]["train"]["shards"][0]
    for name in (f"../{shard['file']}", f"{tmp_path}/{shard['file']}", "..", ""):
        shard["file"] = name
        (received / "dataset.json").write_text(json.dumps(fields))
        with pytest.raises(DatasetError, match="not a file name"):
            load_manifest(received)
