"""Runs, evaluations and exports in directories that others prepared: no link is followed."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import keras
import pytest
from PIL import Image

from facevoice.commands import evaluate, inspect, train
from facevoice.evaluation.evaluation_dir import write_threshold
from facevoice.sample_corpus import make_sample_corpus
from facevoice.training.checkpoint import Checkpoint
from facevoice.training.errors import TrainingError
from facevoice.training.run_dir import open_run_dir
from facevoice.training.train_state import Progress
from tests.tools import PRECIOUS, contents_below, error_line, untrained_run


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
    before = contents_below(outside)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint").symlink_to(outside)
    checkpoint = Checkpoint(tmp_path / "run")
    with pytest.raises(TrainingError, match="symbolic link"):
        checkpoint.save(small_model(), Progress(epoch=1, best_epoch=1))
    checkpoint.remove()
    assert contents_below(outside) == before


def test_a_checkpoint_changes_no_hard_link_and_removes_only_its_own_files(tmp_path, outside):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    own = ["0001-000000.keras", "best-0001.weights.h5", "progress.json", "0000-000004.keras"]
    for name in own:
        (outside / name).write_bytes(PRECIOUS)
        os.link(outside / name, folder / name)
    (folder / "notes.keras").write_bytes(PRECIOUS)
    before = contents_below(outside)
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(small_model(), Progress(epoch=1, best_epoch=1))
    assert contents_below(outside) == before
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
    assert "cnn_image in it is a symbolic link" in error_line(capsys)
    assert not list(outside.iterdir())


@pytest.mark.usefixtures("no_figures")
def test_an_evaluation_follows_no_link(data_set, tmp_path, outside, capsys):
    run_dir = tmp_path / "run"
    untrained_run("linear_image", data_set, run_dir)
    names = ["scores.npz", "metrics.json", "report.html", "confusion.png", "threshold.json"]
    for name in names:
        (outside / name).write_bytes(PRECIOUS)
    before = contents_below(outside)
    (run_dir / "evaluation-test").symlink_to(outside)
    flags = [f"--run={run_dir}", "--skip_robustness"]
    assert evaluate.main(flags) == 1
    assert "evaluation-test is a symbolic link, which is not followed" in error_line(capsys)
    (run_dir / "evaluation-test").unlink()
    (run_dir / "evaluation-test").mkdir()
    (run_dir / "evaluation-test" / "report.html").symlink_to(outside / "report.html")
    assert evaluate.main(flags) == 1
    assert "report.html in it is a symbolic link" in error_line(capsys)
    (run_dir / "evaluation-test" / "report.html").unlink()
    for name in names[:4]:
        os.link(outside / name, run_dir / "evaluation-test" / name)
    assert evaluate.main(flags) == 0
    (run_dir / "threshold.json").symlink_to(outside / "threshold.json")
    unknown = {"threshold": 0.5, "false_accept_rate": 0, "people": 1, "false_accepts": {"total": 1}}
    write_threshold(SimpleNamespace(run_dir=run_dir), unknown)
    assert json.loads((run_dir / "threshold.json").read_text())["threshold"] == 0.5
    assert contents_below(outside) == before


def test_exported_pictures_and_sounds_follow_no_link(corpus, data_set, tmp_path, outside):
    folder = tmp_path / "export"
    folder.mkdir()
    names = ["face.png", "spectrogram.png", "example.png", "augmented.png", "voice.wav"]
    names.append("example.html")
    for number, name in enumerate(names):
        (outside / name).write_bytes(PRECIOUS)
        (os.link if number % 2 else os.symlink)(outside / name, folder / name)
    before = contents_below(outside)
    flags = ["--index=0", "--augment", f"--export={folder}", f"--audio={corpus.audio}"]
    assert inspect.main([str(data_set), *flags]) == 0
    assert contents_below(outside) == before
    assert {path.name for path in folder.iterdir()} == set(names)
    assert Image.open(folder / "face.png").size == (16, 16)


def test_a_sample_corpus_is_not_made_through_a_link(tmp_path, outside):
    (outside / "mine").write_bytes(PRECIOUS)
    (tmp_path / ".corpus.making").symlink_to(outside)
    with pytest.raises(OSError, match=r"\.corpus\.making"):
        make_sample_corpus(tmp_path / "corpus")
    assert contents_below(outside).keys() == {(outside / "mine").relative_to(outside)}
