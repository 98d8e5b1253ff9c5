"""Tests of readers of a dataset that is rebuilt in the same directory at the same time."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from facevoice.commands import evaluate, inspect, train
from facevoice.evaluation.predictions import predict_splits
from facevoice.evaluation.runs import open_run
from facevoice.training.callbacks import CheckpointCallback
from facevoice.training.expert_fusion import calibrate_experts
from models import EMBEDDING, Inputs, build_model
from tests.tools import no_figures, untrained_run
from tfdata import DatasetError, ReadOptions, load, load_manifest, verify
from tfdata.recovery import DamageWarning, first_damage
from tfdata.schema import SPLITS
from tfdata.shard_cache import ShardCache

# What rebuilds change, in turns: the person with label 0, the split, the pairing.
CHANGES = (["--exclude=Person_0"], ["--seed=1"], ["--exclude=Person_2", "--seed=2"], ["--seed=3"])
NARROW: dict[str, Any] = {"widths": (4, 4), "units": 8}
REMOVED = "of the earlier build has been removed; start again, and rebuild with --keep_replaced"


@pytest.fixture(scope="module", autouse=True)
def figures_of_examples_only():
    """Draws the figures that are compared: those of images and spectrograms that were read."""
    with no_figures(drawn={"samples.png", "confused.png"}):
        yield


@pytest.fixture
def folder(data_set, tmp_path):
    return shutil.copytree(data_set, tmp_path / "set")


@pytest.fixture
def rebuild(corpus, build, folder):
    """Rebuilds the dataset with other settings each time."""
    number = 0

    def run(*flags):
        nonlocal number
        changes = CHANGES[number % len(CHANGES)]
        number += 1
        assert build(*corpus.flags, f"--output={folder}", *changes, *flags) == 0

    return run


@pytest.fixture
def rebuild_and_remove(rebuild):
    """Rebuilds the dataset, and removes the shards of the earlier build at once."""
    return lambda: rebuild("--keep_replaced_hours=0")


def after_each_epoch(monkeypatch, action):
    ended = CheckpointCallback.on_epoch_end

    def end_epoch(callback, epoch, logs=None):
        ended(callback, epoch, logs)
        action()

    monkeypatch.setattr(CheckpointCallback, "on_epoch_end", end_epoch)


def during(monkeypatch, function, action):
    """Does something before the first call of a function, such as 'module.name'."""
    module, _, name = function.rpartition(".")
    original = getattr(import_module(module), name)
    left = [action]

    def call(*args, **settings):
        while left:
            left.pop()()
        return original(*args, **settings)

    monkeypatch.setattr(function, call)


def examples(folder, split, manifest=None, **options):
    batches = load(folder, split, options=ReadOptions(4, **options), manifest=manifest)
    return [
        (image.tobytes(), levels.tobytes(), int(label))
        for inputs, labels in batches
        for image, levels, label in zip(
            inputs["image"].numpy(), inputs["spectrogram"].numpy(), labels.numpy(), strict=True
        )
    ]


def one_line(capsys):
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "Traceback" not in error
    return lines[0]


def test_an_earlier_manifest_still_gives_its_examples_and_labels(folder, rebuild):
    manifest = load_manifest(folder)
    before = {split: examples(folder, split) for split in SPLITS}
    assert {split: examples(folder, split, manifest) for split in SPLITS} == before
    rebuild()
    assert {split: examples(folder, split, manifest) for split in SPLITS} == before
    for options in ({"damage": "skip"}, {"cache": "memory"}, {"shuffle_buffer": 9}):
        found = examples(folder, "train", manifest, **options)
        assert sorted(found) == sorted(before["train"])
    assert len(load_manifest(folder).people) == 2
    assert {label for _, _, label in examples(folder, "train")} == {0, 1}


@pytest.mark.filterwarnings("error::tfdata.recovery.DamageWarning")
def test_a_reader_says_that_a_rebuild_has_removed_its_shards(folder, rebuild_and_remove, tmp_path):
    manifest = load_manifest(folder)
    batches = load(folder, "train", "image", manifest=manifest)
    rebuild_and_remove()
    with pytest.raises(tf.errors.NotFoundError):
        list(batches)
    error = str(first_damage(folder, manifest))
    assert error.startswith(
        f"{folder} was rebuilt while it was read (dataset.json has changed), and shard train-"
    )
    assert REMOVED in error
    cache = str(tmp_path / "cache")
    for options in ({}, {"damage": "skip"}, {"cache": cache}, {"cache": cache, "damage": "skip"}):
        with pytest.raises(DatasetError, match=REMOVED):
            examples(folder, "train", manifest, **options)
    with pytest.raises(DatasetError, match=REMOVED):
        ShardCache(folder, manifest, manifest.shards, tmp_path / "copies", 0).fetch(0)


def test_a_shard_that_is_missing_without_a_rebuild_is_damage(folder):
    manifest = load_manifest(folder)
    (folder / manifest.splits["train"].shards[0].file).unlink()
    with pytest.raises(DatasetError, match="is missing; copy the dataset again"):
        examples(folder, "train", manifest)
    with pytest.warns(DamageWarning):
        examples(folder, "train", manifest, damage="skip")


def test_a_manifest_is_not_used_with_the_shards_of_another_build(
    folder, rebuild_and_remove, monkeypatch
):
    during(monkeypatch, "tfdata.manifest_reader.check_shard_sizes", rebuild_and_remove)
    with pytest.raises(DatasetError, match=REMOVED):
        load_manifest(folder)


@pytest.mark.parametrize(
    ("model", "epochs", "trainings", "runs"),
    [
        ("linear_image", 2, 1, [""]),
        pytest.param("linear_image", 10, 1, [""], marks=pytest.mark.slow),
        pytest.param(
            "resnet_fusion", 5, 2, ["", "resnet_image", "resnet_audio"], marks=pytest.mark.slow
        ),
    ],
)
def test_rebuilds_do_not_change_the_result_of_a_training(
    data_set, folder, rebuild, tmp_path, monkeypatch, capsys, model, epochs, trainings, runs
):
    flags = [f"--model={model}", f"--epochs={epochs}", "--batch_size=8", "--seed=4"]
    assert train.main([*flags, f"--data={data_set}", f"--output={tmp_path / 'calm'}"]) == 0
    assert "Note: " not in capsys.readouterr().out

    rebuilds = []
    after_each_epoch(monkeypatch, lambda: rebuilds.append(rebuild()))
    run_dir = tmp_path / "disturbed"
    assert train.main([*flags, f"--data={folder}", f"--output={run_dir}"]) == 0
    assert len(rebuilds) == epochs * trainings
    assert (
        f"Note: {folder} was rebuilt during the training; this run used the dataset as it was at "
        f"the start, see {run_dir / 'dataset.json'}.\n"
    ) in capsys.readouterr().out

    for name in runs:
        calm, disturbed = (tmp_path / run / name for run in ("calm", "disturbed"))
        models = [keras.models.load_model(run / "model.keras") for run in (calm, disturbed)]
        for one, other in zip(*(model.get_weights() for model in models), strict=True):
            np.testing.assert_array_equal(one, other)
        texts = [(run / "metrics.json").read_text() for run in (calm, disturbed)]
        one, other = (json.loads(text) | {"seconds": 0} for text in texts)
        assert one == other
        assert (disturbed / "dataset.json").read_bytes() == (data_set / "dataset.json").read_bytes()
        samples = [(run / "samples.png").read_bytes() for run in (calm, disturbed)]
        assert samples[0] == samples[1]


@pytest.mark.slow
def test_an_interrupted_training_resumes_with_the_dataset_as_it_was(
    data_set, folder, rebuild, rebuild_and_remove, tmp_path, monkeypatch, capsys
):
    flags = ["--model=linear_image", "--epochs=3", "--batch_size=8", "--seed=4"]
    assert train.main([*flags, f"--data={data_set}", f"--output={tmp_path / 'calm'}"]) == 0
    run_dir = tmp_path / "run"
    resume = [*flags, f"--data={folder}", f"--output={run_dir}"]

    def interrupt():
        rebuild()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        after_each_epoch(patch, interrupt)
        assert train.main(resume) == 130
    other = train.main([*resume, "--learning_rate=0.5"])
    assert (other, "resumes" in capsys.readouterr().out) == (1, False)
    gone = shutil.copytree(run_dir, tmp_path / "gone")
    assert train.main(resume) == 0
    printed = capsys.readouterr().out
    assert f"{folder} was rebuilt since the run in {run_dir} began; it resumes with the" in printed
    assert f"Note: {folder} was rebuilt during the training" in printed
    models = [keras.models.load_model(tmp_path / run / "model.keras") for run in ("calm", "run")]
    for one, another in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, another)
    assert (run_dir / "dataset.json").read_bytes() == (data_set / "dataset.json").read_bytes()

    rebuild_and_remove()
    assert train.main([*flags, f"--data={folder}", f"--output={gone}"]) == 1
    assert "has changed since the run" in one_line(capsys)


def test_experts_are_calibrated_with_the_manifest_from_the_start(data_set, folder, rebuild):
    manifest = load_manifest(folder)
    keras.utils.set_random_seed(1)
    inputs = Inputs(manifest.image_shape, (*manifest.spectrogram_shape, 1))
    fusion = build_model("resnet_fusion", inputs, len(manifest.people), **NARROW)
    calibrate_experts(fusion, data_set, manifest)
    calm = fusion.get_layer(EMBEDDING).get_weights()
    rebuild()
    calibrate_experts(fusion, folder, manifest)
    for one, other in zip(calm, fusion.get_layer(EMBEDDING).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_says_that_a_rebuild_has_removed_its_shards(
    folder, rebuild_and_remove, tmp_path, monkeypatch, capsys
):
    after_each_epoch(monkeypatch, rebuild_and_remove)
    flags = ["--model=linear_image", f"--data={folder}", f"--output={tmp_path / 'run'}"]
    assert train.main([*flags, "--epochs=5"]) == 1
    error = one_line(capsys)
    assert error.startswith(f"error: {folder} was rebuilt while it was read")
    assert REMOVED in error


@pytest.mark.parametrize(
    "robustness", [["--skip_robustness"], pytest.param([], marks=pytest.mark.slow)]
)
def test_an_evaluation_uses_the_dataset_as_it_was_at_the_start(
    data_set, folder, rebuild, tmp_path, monkeypatch, capsys, robustness
):
    untrained_run("resnet_fusion", data_set, tmp_path / "run", **NARROW)
    flags = [f"--run={tmp_path / 'run'}", f"--data={folder}", f"--compare={tmp_path / 'run'}"]
    flags += robustness
    assert evaluate.main([*flags, f"--output={tmp_path / 'calm'}"]) == 0
    assert "Note: " not in capsys.readouterr().out
    during(monkeypatch, "facevoice.evaluation.evaluators.summarize_data", rebuild)
    assert evaluate.main([*flags, f"--output={tmp_path / 'disturbed'}"]) == 0
    assert f"Note: {folder} was rebuilt during the evaluation" in capsys.readouterr().out
    for name in ("metrics.json", "scores.npz", "confused.png"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("calm", "disturbed"))
        assert one == other


def test_an_evaluation_says_that_a_rebuild_has_removed_its_shards(
    data_set, folder, rebuild_and_remove, tmp_path, monkeypatch, capsys
):
    untrained_run("cnn_image", data_set, tmp_path / "run")
    manifest = load_manifest(folder)
    during(monkeypatch, "facevoice.evaluation.evaluators.summarize_data", rebuild_and_remove)
    assert evaluate.main([f"--run={tmp_path / 'run'}", f"--data={folder}"]) == 1
    assert REMOVED in one_line(capsys)
    with pytest.raises(DatasetError, match=REMOVED):
        predict_splits(open_run(tmp_path / "run"), folder, manifest, ["test"])


@pytest.mark.parametrize("command", [inspect, verify])
def test_inspection_and_verification_say_that_the_dataset_was_rebuilt(
    folder, rebuild, rebuild_and_remove, monkeypatch, capsys, command
):
    flags = [str(folder), *(["--stats"] if command is inspect else [])]
    reading = "_show_stats" if command is inspect else "_check_shards"
    function = f"{command.__name__}.{reading}"
    assert command.main(flags) == 0
    calm = capsys.readouterr().out
    with monkeypatch.context() as patch:
        during(patch, function, rebuild)
        assert command.main(flags) == 0
    printed = capsys.readouterr().out
    assert "Note: " not in calm
    assert f"Note: {folder} was rebuilt " in printed
    if command is inspect:
        assert calm in printed
    during(monkeypatch, function, rebuild_and_remove)
    assert command.main(flags) == 1
    assert REMOVED in one_line(capsys)
