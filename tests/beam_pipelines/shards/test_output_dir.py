"""Tests of writing into directories that others prepared: nothing outside changes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest
from PIL import Image

from beam_pipelines.errors import BuildError
from beam_pipelines.shards import output_dir
from beam_pipelines.shards.file_names import is_build_file, is_temporary, is_work_file
from facevoice.commands import evaluate, inspect, train
from facevoice.evaluation.evaluation_dir import write_threshold
from facevoice.sample_corpus import make_sample_corpus
from facevoice.training.checkpoint import Checkpoint
from facevoice.training.errors import TrainingError
from facevoice.training.run_dir import open_run_dir
from facevoice.training.train_state import Progress
from tests.tools import files_of, untrained_run
from tfdata import DatasetError, ReadOptions, load, load_manifest
from tfdata.storage.files import check_no_links, create_file, open_lock, open_regular, replace_file

DEEP = "[" * 100_000
PRECIOUS = b"precious"


def state(root):
    """Path to kind and content of all that is below a folder."""
    return {
        path.relative_to(root): path.is_dir() or path.read_bytes()
        for path in root.rglob("*")
        if path.is_dir() or path.is_file()
    }


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


@pytest.fixture
def received(data_set, tmp_path):
    """A copy of a dataset with its notes, to plant something in."""
    return shutil.copytree(data_set, tmp_path / "set")


@pytest.fixture
def outside(tmp_path):
    path = tmp_path / "outside"
    path.mkdir()
    return path


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
    before, inside = state(outside), state(received)
    for flags in ([], ["--dry_run"]):
        assert build(*corpus.flags, "--image_size=20", f"--output={received}", *flags) == 1
        error = one_line(capsys)
        assert f"{path.relative_to(received)} in it is a symbolic link" in error
        assert "remove it" in error
    assert state(outside) == before
    assert state(received) == inside


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
    assert ".build/workers.log in it is a symbolic link" in one_line(capsys)
    assert not list(outside.iterdir())


def test_the_name_of_a_link_is_printed_as_plain_text(corpus, build, received, outside, capsys):
    (received / "a\nb\x1b[2J").symlink_to(outside)
    assert build(*corpus.flags, f"--output={received}") == 1
    assert r"a\nb\x1b[2J in it is a symbolic link" in one_line(capsys)


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
    before = state(outside)
    flags = ["--image_size=20", "--keep_replaced_hours=0"]
    assert build(*corpus.flags, *flags, f"--output={received}") == 0
    assert state(outside) == before
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
            error = one_line(capsys)
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
            one_line(capsys)
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
    before = state(outside)
    assert build(*corpus.flags, f"--output={received}") == 0
    assert files_of(received) == files_of(data_set)
    assert state(outside) == before


def test_a_manifest_cannot_name_a_shard_elsewhere(received, tmp_path):
    fields = json.loads((received / "dataset.json").read_text())
    shard = fields["splits"]["train"]["shards"][0]
    for name in (f"../{shard['file']}", f"{tmp_path}/{shard['file']}", "..", ""):
        shard["file"] = name
        (received / "dataset.json").write_text(json.dumps(fields))
        with pytest.raises(DatasetError, match="not a file name"):
            load_manifest(received)


def test_copies_of_shards_follow_no_link(data_set, outside, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    shards = load_manifest(data_set).splits["train"].shards
    for number, shard in enumerate(shards):
        target = outside / str(number)
        target.write_bytes(PRECIOUS)
        (cache / shard.file).symlink_to(target)
        (cache / f"{shard.file}.{os.getpid()}.tmp").symlink_to(target)
    before = state(outside)
    options = ReadOptions(cache=str(cache))
    assert sum(len(labels) for _, labels in load(data_set, "train", "image", options)) == 18
    assert state(outside) == before


def small_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


def begun(model="cnn_image"):
    return {"model": model, "manifest_sha256": "0"}


@pytest.mark.parametrize("name", ["model.keras", "report.html", "checkpoint", "checkpoint/x"])
def test_an_unfinished_run_with_a_link_is_not_resumed(tmp_path, outside, name):
    run_dir = open_run_dir(tmp_path / "run", begun())
    (run_dir / name).parent.mkdir(exist_ok=True)
    (run_dir / name).symlink_to(outside)
    with pytest.raises(TrainingError, match=f"{name} in it is a symbolic link"):
        open_run_dir(run_dir, begun())


def test_a_run_that_was_killed_as_it_began_leaves_nothing_that_matters(tmp_path):
    (tmp_path / "settings.json.0123456789abcdef0123456789abcdef.tmp").touch()
    assert open_run_dir(tmp_path, begun()) == tmp_path


def test_a_checkpoint_folder_that_is_a_link_is_not_followed(tmp_path, outside):
    (outside / "0001-000000.keras").write_bytes(PRECIOUS)
    (outside / "0000-000000.keras").write_bytes(PRECIOUS)
    before = state(outside)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint").symlink_to(outside)
    checkpoint = Checkpoint(tmp_path / "run")
    with pytest.raises(TrainingError, match="symbolic link"):
        checkpoint.save(small_model(), Progress(epoch=1, best_epoch=1))
    checkpoint.remove()
    assert state(outside) == before


def test_a_checkpoint_changes_no_hard_link_and_removes_only_its_own_files(tmp_path, outside):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    own = ["0001-000000.keras", "best-0001.weights.h5", "progress.json", "0000-000004.keras"]
    for name in own:
        (outside / name).write_bytes(PRECIOUS)
        os.link(outside / name, folder / name)
    (folder / "notes.keras").write_bytes(PRECIOUS)
    before = state(outside)
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(small_model(), Progress(epoch=1, best_epoch=1))
    assert state(outside) == before
    assert {path.name for path in folder.iterdir()} == {*own[:3], "notes.keras"}
    checkpoint.remove()
    assert [path.name for path in folder.iterdir()] == ["notes.keras"]
    (folder / "notes.keras").unlink()
    checkpoint.remove()
    assert not folder.exists()


def test_all_models_are_not_trained_into_a_folder_with_a_link(data_set, tmp_path, outside, capsys):
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "cnn_image").symlink_to(outside)
    flags = ["--model=all", f"--data={data_set}", f"--output={tmp_path / 'all'}"]
    assert train.main(flags) == 1
    assert "cnn_image in it is a symbolic link" in one_line(capsys)
    assert not list(outside.iterdir())


@pytest.mark.usefixtures("no_figures")
def test_an_evaluation_follows_no_link(data_set, tmp_path, outside, capsys):
    run_dir = tmp_path / "run"
    untrained_run("linear_image", data_set, run_dir)
    names = ["scores.npz", "metrics.json", "report.html", "confusion.png", "threshold.json"]
    for name in names:
        (outside / name).write_bytes(PRECIOUS)
    before = state(outside)
    (run_dir / "evaluation-test").symlink_to(outside)
    flags = [f"--run={run_dir}", "--skip_robustness"]
    assert evaluate.main(flags) == 1
    assert "evaluation-test is a symbolic link, which is not followed" in one_line(capsys)
    (run_dir / "evaluation-test").unlink()
    (run_dir / "evaluation-test").mkdir()
    (run_dir / "evaluation-test" / "report.html").symlink_to(outside / "report.html")
    assert evaluate.main(flags) == 1
    assert "report.html in it is a symbolic link" in one_line(capsys)
    (run_dir / "evaluation-test" / "report.html").unlink()
    for name in names[:4]:
        os.link(outside / name, run_dir / "evaluation-test" / name)
    assert evaluate.main(flags) == 0
    (run_dir / "threshold.json").symlink_to(outside / "threshold.json")
    unknown = {"threshold": 0.5, "false_accept_rate": 0, "people": 1, "false_accepts": {"total": 1}}
    write_threshold(SimpleNamespace(run_dir=run_dir), unknown)
    assert json.loads((run_dir / "threshold.json").read_text())["threshold"] == 0.5
    assert state(outside) == before


def test_exported_pictures_and_sounds_follow_no_link(corpus, data_set, tmp_path, outside):
    folder = tmp_path / "export"
    folder.mkdir()
    names = ["face.png", "spectrogram.png", "example.png", "augmented.png", "voice.wav"]
    names.append("example.html")
    for number, name in enumerate(names):
        (outside / name).write_bytes(PRECIOUS)
        (os.link if number % 2 else os.symlink)(outside / name, folder / name)
    before = state(outside)
    flags = ["--index=0", "--augment", f"--export={folder}", f"--audio={corpus.audio}"]
    assert inspect.main([str(data_set), *flags]) == 0
    assert state(outside) == before
    assert {path.name for path in folder.iterdir()} == set(names)
    assert Image.open(folder / "face.png").size == (16, 16)


def test_a_sample_corpus_is_not_made_through_a_link(tmp_path, outside):
    (outside / "mine").write_bytes(PRECIOUS)
    (tmp_path / ".corpus.making").symlink_to(outside)
    with pytest.raises(OSError, match=r"\.corpus\.making"):
        make_sample_corpus(tmp_path / "corpus")
    assert state(outside).keys() == {(outside / "mine").relative_to(outside)}


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
