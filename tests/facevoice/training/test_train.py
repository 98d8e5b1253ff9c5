"""Tests of the training command on a small dataset, and of accuracy metrics."""

from __future__ import annotations

import csv
import json
import math

import keras
import numpy as np
import pytest
from PIL import Image

from facevoice.commands import train
from facevoice.evaluation.metrics import confusion_matrix, split_metrics, wilson_interval
from tests.conftest import write_corpus
from tests.tools import error_line, no_figures
from tfdata import load, load_manifest


@pytest.fixture(scope="module")
def run_dir(data_set, tmp_path_factory):
    """Returns a finished run of three epochs."""
    output = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--model=cnn_image", f"--data={data_set}", f"--output={output}", "--epochs=3"]
    assert train.main([*flags, "--seed=5", "--batch_size=4", "--learning_rate=0.01"]) == 0
    return output


@pytest.fixture
def short_report(monkeypatch):
    """Leaves out figures and error analysis, which take half of the time of a short training."""
    monkeypatch.setattr("facevoice.training.run_files.analyze_errors", lambda *_: [])
    with no_figures():
        yield


def test_a_run_has_all_files(run_dir):
    files = {path.name for path in run_dir.iterdir()}
    assert files == {
        "model.keras",
        "dataset.json",
        "settings.json",
        "history.csv",
        "metrics.json",
        "tensorboard",
        "curves.png",
        "confusion.png",
        "confused.png",
        "robustness.png",
        "samples.png",
        "report.html",
    }
    assert list((run_dir / "tensorboard").rglob("events.out.tfevents.*"))
    for path in run_dir.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 150  # samples.png is a row of faces
            assert np.asarray(picture.convert("L")).std() > 5


def test_settings_and_history_are_recorded(run_dir, data_set):
    settings = json.loads((run_dir / "settings.json").read_text())
    assert settings["model"] == "cnn_image"
    assert settings["batch_size"] == 4
    assert settings["learning_rate"] == 0.01
    assert settings["seed"] == 5
    assert settings["data"] == str(data_set)
    rows = list(csv.DictReader((run_dir / "history.csv").open()))
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert len(rows) == metrics["epochs"] == 3
    losses = [float(row["val_loss"]) for row in rows]
    assert metrics["best_epoch"] == losses.index(min(losses)) + 1


def test_the_saved_model_has_the_accuracy_that_is_reported(run_dir, data_set):
    model = keras.models.load_model(run_dir / "model.keras")
    metrics = json.loads((run_dir / "metrics.json").read_text())
    for split in ("validation", "test"):
        right = pairs = 0
        for faces, labels in load(data_set, split, "image"):
            answers = np.asarray(model(faces)).argmax(axis=1)
            right += int((answers == labels.numpy()).sum())
            pairs += len(answers)
        assert (metrics[split]["correct"], metrics[split]["pairs"]) == (right, pairs)
        assert metrics[split]["accuracy"] == right / pairs


def test_error_analysis_is_in_the_metrics(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    intact, *damaged = metrics["robustness"]
    assert intact["top_1"]["correct"] == metrics["test"]["correct"]
    assert [each["kind"] for each in damaged] == ["blur"] * 3 + ["cover"] * 3
    assert metrics["weighing"] is None
    for pair in metrics["confused"]:
        assert pair["pairs"] >= pair["reverse"]


def test_the_report_names_the_people_and_needs_no_other_file(run_dir, data_set):
    page = (run_dir / "report.html").read_text()
    for name in load_manifest(data_set).people:
        assert name.replace("_", " ") in page
    assert "<script" not in page
    assert "http" not in page
    assert page.count("src=") == page.count('src="data:image/png;base64,') == 5


def test_the_same_seed_gives_the_same_numbers(run_dir, data_set, short_report, tmp_path):
    flags = ["--model=cnn_image", f"--data={data_set}", "--epochs=3", "--batch_size=4"]
    flags += ["--learning_rate=0.01", f"--output={tmp_path / 'again'}"]
    assert train.main([*flags, "--seed=5"]) == 0
    for row, same in zip(
        csv.DictReader((run_dir / "history.csv").open()),
        csv.DictReader((tmp_path / "again" / "history.csv").open()),
        strict=True,
    ):
        assert float(row["loss"]) == pytest.approx(float(same["loss"]), rel=1e-12)


@pytest.mark.slow
def test_a_model_learns_an_easy_task(build, short_report, tmp_path):
    """Faces whose colour names the person: both splits must come out nearly perfect."""
    corpus = write_corpus(tmp_path / "corpus")
    draw = np.random.default_rng(0)
    for person, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200)]):
        for face in sorted((corpus.faces / f"Person_{person}").rglob("*.jpg")):
            pixels = np.clip(np.array(colour) + draw.normal(0, 20, (40, 40, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(face)
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    flags = ["--model=cnn_image", f"--data={tmp_path / 'set'}", f"--output={tmp_path / 'run'}"]
    assert train.main([*flags, "--epochs=4", "--batch_size=4"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.8
    assert metrics["validation"]["accuracy"] >= 0.8


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--model=cnn_imag"], ["cnn_imag", "cnn_image"]),
        (["--model=cnn_image", "--epoch=3"], ["did you mean --epochs?"]),
        (["--model=cnn_image", "--epochs=0"], ["--epochs", "1 or more"]),
        (["--model=cnn_image", "--batch_size=-1"], ["--batch_size", "1 or more"]),
        (["--model=cnn_image", "--seed=-1"], ["--seed", "0 to 4294967295"]),
        (["--model=cnn_image", "--learning_rate=nan"], ["--learning_rate", "above 0"]),
        (["--model=cnn_image", "--service=localhost"], ["--service", "grpc://host:5000"]),
        ([], ["--model"]),
    ],
)
def test_wrong_flags_are_one_line(data_set, capsys, flags, words):
    with pytest.raises(SystemExit) as stop:
        train.main([f"--data={data_set}", *flags])
    assert stop.value.code == 2
    error = error_line(capsys)
    for word in words:
        assert word in error


def test_a_directory_without_a_dataset_is_a_one_line_error(capsys, tmp_path):
    assert train.main(["--model=cnn_image", f"--data={tmp_path}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(tmp_path) in error


def test_a_finished_run_is_not_overwritten(run_dir, data_set, capsys):
    before = (run_dir / "metrics.json").read_text()
    flags = ["--model=cnn_image", f"--data={data_set}", f"--output={run_dir}"]
    assert train.main(flags) == 1
    assert "not empty" in capsys.readouterr().err
    assert (run_dir / "metrics.json").read_text() == before


def test_an_infinite_loss_is_a_one_line_error(data_set, capsys, tmp_path):
    flags = ["--model=cnn_image", f"--data={data_set}", f"--output={tmp_path / 'run'}"]
    assert train.main([*flags, "--learning_rate=1e30", "--epochs=5"]) == 1
    assert "smaller --learning_rate" in capsys.readouterr().err


def test_early_stopping_restores_the_best_weights(data_set, short_report, tmp_path):
    flags = ["--model=linear_image", f"--data={data_set}", f"--output={tmp_path / 'run'}"]
    assert train.main([*flags, "--epochs=200", "--patience=2", "--learning_rate=0.1"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["epochs"] == metrics["best_epoch"] + 2 < 200
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").open()))
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    answers = [
        np.asarray(model(faces))[np.arange(len(labels)), labels.numpy()]
        for faces, labels in load(data_set, "validation", "image")
    ]
    weight_decay = sum(map(float, model.losses))
    kept = -np.log(np.concatenate(answers)).mean() + weight_decay  # cross-entropy, nats
    assert kept == pytest.approx(min(float(row["val_loss"]) for row in rows), rel=1e-3)
    assert kept < float(rows[-1]["val_loss"]) * 0.99


def test_split_metrics_by_hand():
    labels, answers = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    counts = confusion_matrix(labels, answers, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    found = split_metrics(counts, ["a", "b", "c", "d"])
    assert (found.correct, found.pairs, found.accuracy) == (4, 6, 4 / 6)
    assert found.commonest == 0.5
    assert found.by_person == {"a": 2 / 3, "b": 0.5, "c": 1.0}


@pytest.mark.parametrize("total", [1, 2, 7, 1000, 10**6, 10**10])
def test_wilson_interval_equals_its_formula(total):
    z = 1.96
    for correct in {0, 1, total // 3, total - 1, total}:
        share = correct / total
        centre = share + z**2 / (2 * total)
        spread = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
        scale = 1 + z**2 / total
        expected = ((centre - spread) / scale, (centre + spread) / scale)
        assert wilson_interval(correct, total) == pytest.approx(expected, abs=1e-12)


def test_wilson_interval_against_published_values():
    # 81 of 263: Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    low, high = wilson_interval(81, 263)
    assert low == pytest.approx(0.2553, abs=5e-5)
    assert high == pytest.approx(0.3662, abs=5e-5)


def test_inputs_that_are_too_small_for_a_model_are_a_one_line_error(data_set, tmp_path, capsys):
    flags = ["--model=cnn_audio", f"--data={data_set}", f"--output={tmp_path / 'run'}"]
    assert train.main([*flags, "--epochs=1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: Inputs of 16 x 8 are too small for the pool sizes (2, 2)")
    assert error.count("\n") == 1
