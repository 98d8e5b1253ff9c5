"""Tests of trainings that are stopped, repeated with other settings, or run out of disk."""

from __future__ import annotations

import json
import resource
import shutil
import signal

import keras
import numpy as np
import pytest

from facevoice.commands import evaluate, train
from facevoice.training.callbacks import CheckpointCallback
from facevoice.training.dataset import open_training_data
from facevoice.training.recipes import OURS, Execution
from facevoice.training.run_dir import open_run_dir
from facevoice.training.train_state import Progress
from facevoice.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("no_figures")

FLAGS = ["--model=linear_image", "--batch_size=4", "--learning_rate=0.001"]


@pytest.fixture(scope="module", autouse=True)
def no_error_analysis():
    """Leaves out the error analysis of finished runs, which takes most of their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facevoice.training.run_files.analyze_errors", lambda *_: [])
        yield


def weights_of(run_dir):
    return keras.models.load_model(run_dir / "model.keras").get_weights()


def assert_same_run(one, other):
    for mine, theirs in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    metrics = [json.loads((run / "metrics.json").read_text()) for run in (one, other)]
    assert metrics[0] | {"seconds": 0} == metrics[1] | {"seconds": 0}
    histories = [np.loadtxt(run / "history.csv", delimiter=",", skiprows=1) for run in (one, other)]
    np.testing.assert_allclose(*histories, rtol=1e-5)


@pytest.fixture(scope="module")
def finished(data_set, tmp_path_factory, no_error_analysis):
    """Returns the directory of a finished run of four epochs; not to be changed by a test."""
    output = tmp_path_factory.mktemp("finished") / "run"
    assert train.main([*FLAGS, "--epochs=4", f"--data={data_set}", f"--output={output}"]) == 0
    return output


def test_a_stopped_training_keeps_the_step(finished, data_set, tmp_path, capsys, monkeypatch):
    """Stopped in the third step of an epoch, and then in the validation after the fifth.

    Before and between, it is stopped before the first step, when there is nothing new to save.
    """
    run_dir = tmp_path / "run"
    flags = [*FLAGS, "--epochs=4", f"--data={data_set}", f"--output={run_dir}"]
    nothing = "Stopped before the first checkpoint; the same command starts again.\n"
    resumes = "Stopped; the same command resumes from the last checkpoint.\n"
    for hook, calls, number, code, kept, sentence in [
        ("on_train_begin", 1, signal.SIGINT, 130, None, nothing),
        ("on_train_batch_begin", 8, signal.SIGTERM, 143, (1, 3), resumes),
        ("on_train_begin", 1, signal.SIGTERM, 143, (1, 3), resumes),
        ("on_test_batch_begin", 1, signal.SIGINT, 130, (1, 5), resumes),
    ]:
        left = [calls]

        def stop(callback, *_, left=left, number=number, **__):
            left[0] -= 1
            if not left[0]:
                signal.raise_signal(number)

        with monkeypatch.context() as patch:
            patch.setattr(CheckpointCallback, hook, stop)
            assert train.main(flags) == code
        printed = capsys.readouterr()
        assert printed.err == sentence
        assert ("Epoch" in printed.out) == (hook != "on_train_begin")
        checkpoint = run_dir / "checkpoint" / "progress.json"
        assert checkpoint.exists() == (kept is not None)
        if kept:
            progress = Progress.from_json(checkpoint.read_text())
            assert (progress.epoch, progress.step) == kept
    assert train.main(flags) == 0
    assert_same_run(run_dir, finished)


def test_a_finished_run_says_so(finished, data_set, capsys, tmp_path, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    flags = [*FLAGS, "--epochs=4", f"--data={data_set}"]
    assert train.main([*flags, f"--output={finished}"]) == 0
    assert f"linear_image is finished in {finished}.\n" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before

    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copytree(finished, tmp_path / "runs" / "linear_image")
    settings_path = tmp_path / "runs" / "linear_image" / "settings.json"
    settings = json.loads(settings_path.read_text())
    settings["software"]["keras"] = "3.0.0"
    settings_path.write_text(json.dumps(settings))
    assert train.main(flags) == 0
    assert (
        f"linear_image is finished in runs/linear_image, trained with other packages (keras "
        f"{keras.__version__} instead of 3.0.0).\n"
    ) in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["linear_image"]


def test_more_epochs_extend_a_run(finished, data_set, tmp_path, capsys):
    flags = [*FLAGS, "--epochs=5", f"--data={data_set}"]
    assert train.main([*flags, f"--output={tmp_path / 'whole'}"]) == 0
    run_dir = shutil.copytree(finished, tmp_path / "run")
    (run_dir / "threshold.json").write_text("{}")
    assert train.main([*flags, f"--output={run_dir}"]) == 0
    said = capsys.readouterr().out
    assert f"Continuing the run in {run_dir} with 5 epochs instead of 4.\n" in said
    assert_same_run(run_dir, tmp_path / "whole")
    assert not (run_dir / "threshold.json").exists()
    assert json.loads((run_dir / "settings.json").read_text())["epochs"] == 5


def test_settings_that_differ_are_named(finished, data_set, tmp_path, capsys, monkeypatch):
    flags = [*FLAGS, f"--data={data_set}", f"--output={finished}"]
    assert train.main([*flags, "--epochs=2"]) == 1
    assert "(epochs 2 instead of 4; it has trained for 4 epochs already)" in capsys.readouterr().err
    assert train.main([*flags, "--epochs=4", "--seed=7"]) == 1
    assert "(seed 7 instead of 0)" in capsys.readouterr().err
    run_dir = shutil.copytree(finished, tmp_path / "cosine")
    settings = json.loads((run_dir / "settings.json").read_text()) | {"schedule": "cosine"}
    (run_dir / "settings.json").write_text(json.dumps(settings))
    flags[-1] = f"--output={run_dir}"
    assert train.main([*flags, "--epochs=4"]) == 1
    assert "(schedule constant instead of cosine)" in capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, tmp_path / "runs" / "linear_image")
    overrides = {"batch_size": 4, "learning_rate": 0.001, "epochs": 1, "seed": 7}
    trainer = Trainer(open_training_data(data_set), OURS, overrides, Execution())
    open_run_dir(None, trainer.settings("linear_image"))
    assert (
        "Starting a new run in runs/linear_image-2, because runs/linear_image has a run with other "
        "settings (epochs 1 instead of 4 and seed 7 instead of 0).\n"
    ) in capsys.readouterr().out


def test_a_cosine_schedule_is_not_extended(data_set, tmp_path, capsys):
    run_dir = tmp_path / "run"
    flags = ["--model=crnn_audio", f"--data={data_set}", f"--output={run_dir}"]
    trainer = Trainer(open_training_data(data_set), OURS, {"epochs": 2, "seed": 0}, Execution())
    open_run_dir(run_dir, trainer.settings("crnn_audio"))
    assert train.main([*flags, "--epochs=3"]) == 1
    assert (
        "(epochs 3 instead of 2; its cosine schedule depends on the number of epochs)"
    ) in capsys.readouterr().err


def test_files_of_file_managers_do_not_count(finished, tmp_path, build, corpus):
    for folder in (tmp_path / "run", tmp_path / "evaluation", tmp_path / "set"):
        folder.mkdir()
        for name in (".DS_Store", ".gitkeep", "Thumbs.db", "desktop.ini", "._x"):
            (folder / name).touch()
    settings = {"model": "linear_image", "manifest_sha256": "0"}
    assert open_run_dir(tmp_path / "run", settings) == tmp_path / "run"
    flags = [f"--run={finished}", f"--output={tmp_path / 'evaluation'}", "--skip_robustness"]
    assert evaluate.main(flags) == 0
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    assert (tmp_path / "set" / ".DS_Store").exists()


def test_a_dataset_that_was_moved_is_named_by_data(finished, data_set, tmp_path, capsys):
    run_dir = shutil.copytree(finished, tmp_path / "run")
    settings = json.loads((run_dir / "settings.json").read_text())
    gone = tmp_path / "gone"
    (run_dir / "settings.json").write_text(json.dumps(settings | {"data": str(gone)}))
    flags = [*FLAGS, "--epochs=4", f"--output={run_dir}"]
    expected = (
        f"error: The dataset of the run in {run_dir} was in {gone}, where there is none now; name "
        f"where it is now with --data.\n"
    )
    for command, given in [
        (train.main, flags),
        (train.main, [*flags, f"--data={gone}"]),
        (evaluate.main, [f"--run={run_dir}"]),
    ]:
        assert command(given) == 1
        assert capsys.readouterr().err == expected
    assert train.main([*flags, f"--data={data_set}"]) == 0
    given = [f"--run={run_dir}", f"--data={data_set}", "--skip_robustness"]
    assert evaluate.main(given) == 0


def test_a_full_disk_is_one_line(data_set, tmp_path, capsys):
    run_dir = tmp_path / "run"
    flags = [*FLAGS, "--epochs=1", f"--data={data_set}", f"--output={run_dir}"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As a full disk, but for the words; Python ignores SIGXFSZ.
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    try:
        assert train.main(flags) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert capsys.readouterr().err == (
        f"error: {run_dir}/checkpoint/0001-000000.keras cannot be written (File too large); free "
        f"disk space, and the same command resumes from the previous checkpoint.\n"
    )
    assert not list((run_dir / "checkpoint").iterdir())
