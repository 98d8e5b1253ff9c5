"""Tests of `train.py --settings`, which repeats a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from facevoice.commands import train
from facevoice.training.errors import TrainingError
from facevoice.training.recipes import Experts
from facevoice.training.saved_settings import read_saved_settings

FIXTURES = Path(__file__).parents[2] / "fixtures" / "format_1"
SETTINGS = FIXTURES / "run" / "settings.json"


def history(run_dir):
    with (run_dir / "history.csv").open(newline="") as file:
        return [[float(value) for value in row.values()] for row in csv.DictReader(file)]


@pytest.mark.usefixtures("no_figures")
def test_a_run_of_an_earlier_release_is_repeated(tmp_path, capsys):
    arguments = ["--settings", str(SETTINGS), "--data", str(FIXTURES / "dataset")]
    arguments += ["--epochs", "2", "--output", str(tmp_path / "run")]
    assert train.main(arguments) == 0
    repeated = history(tmp_path / "run")
    assert len(repeated) == 2
    for epoch, expected in zip(repeated, history(FIXTURES / "run"), strict=False):
        assert epoch == pytest.approx(expected, abs=1e-4)
    saved = json.loads((tmp_path / "run" / "settings.json").read_text())
    before = json.loads(SETTINGS.read_text())
    changed = {name for name in before if before[name] != saved[name]}
    assert changed <= {"epochs", "data", "manifest_sha256", "software"}
    assert f"Unlike {SETTINGS}, this run has " in capsys.readouterr().out


def test_a_fusion_has_the_recipes_of_its_experts():
    path = FIXTURES / "fusion_run" / "settings.json"
    saved = read_saved_settings(path)
    own = saved.recipes[saved.model]
    assert isinstance(own, Experts)
    experts = json.loads(path.read_text())["experts"]
    assert saved.recipes[own.image].epochs == experts[own.image]["epochs"]
    assert saved.recipes[own.audio].batch_size == experts[own.audio]["batch_size"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "cnn"}, "there is no model 'cnn'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": "4"}, "batch_size is '4', not an integer"),
        ({"optimizer": "lion"}, "optimizer is 'lion'"),
        ({"strategy": "tpu"}, "strategy is 'tpu'"),
        ({"seed": -1}, "seed is -1"),
        ({"label_smoothing": 1}, "label_smoothing or weight_decay is out of range"),
        ({"min_steps": 2**62}, f"min_steps is {2**62}"),
        ({"epochs": 2**31}, "epochs is 2147483648"),
        ({"jit_compile": "yes"}, "jit_compile is 'yes', not true or false"),
        ({"model": ["cnn_image"]}, "model is ['cnn_image'], not a text"),
        ({"data": None}, "data is None, not a text"),
        ({"data": ""}, "data is ''"),
        ({"model": "resnet_fusion"}, "experts is missing"),
        ({"model": "resnet_fusion", "experts": []}, "experts is [], not an object"),
        (
            {"model": "resnet_fusion", "experts": {"resnet_image": 3, "resnet_audio": {}}},
            "experts.resnet_image is 3, not an object",
        ),
    ],
)
def test_settings_of_no_run_are_refused(tmp_path, change, reason):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({**json.loads(SETTINGS.read_text()), **change}))
    with pytest.raises(TrainingError) as error:
        read_saved_settings(path)
    assert f"--settings {path} cannot be used ({reason});" in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("[]", "it is [], not an object"),
        ("{}", "model is missing"),
        ('{"model": ', "it is not JSON in line 1, column 11: Expecting value"),
    ],
)
def test_a_file_without_an_object_is_refused(tmp_path, content, reason):
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(TrainingError) as error:
        read_saved_settings(path)
    assert f"--settings {path} cannot be used ({reason});" in str(error.value)


def test_a_missing_file_and_a_missing_dataset_are_one_line(tmp_path, capsys):
    assert train.main(["--settings", str(tmp_path / "none.json")]) == 1
    assert "(No such file or directory)" in capsys.readouterr().err
    assert train.main(["--settings", str(SETTINGS)]) == 1
    assert "name where it is now with --data." in capsys.readouterr().err


@pytest.mark.parametrize("other", ["--model=cnn_audio", "--recipe=study"])
def test_the_model_and_the_recipe_are_those_of_the_settings(capsys, other):
    with pytest.raises(SystemExit):
        train.main(["--settings", str(SETTINGS), other])
    error = capsys.readouterr().err
    assert "--settings" in error
    assert error.count("\n") == 1
