"""Tests of interrupted runs that resume, of run directories, and of recipes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict

import keras
import numpy as np
import pytest

from facevoice.commands import train
from facevoice.training.callbacks import CheckpointCallback
from facevoice.training.dataset import open_training_data
from facevoice.training.fit import fit
from facevoice.training.recipes import OURS, STUDY, Execution, Recipe
from facevoice.training.run_dir import lock_run_dir, open_run_dir, run_settings
from facevoice.training.train_state import Progress
from facevoice.training.trainer import Trainer
from tests.conftest import write_corpus
from tests.tools import wait_for
from tfdata import load_manifest

pytestmark = pytest.mark.usefixtures("no_figures")

FLAGS = ["--model=cnn_image", "--batch_size=4", "--learning_rate=0.003", "--patience=3"]


def dropout_model(name, inputs, classes):
    image = keras.Input(inputs.image_shape, dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Dense(classes, "softmax")(x), name=name)


def weights_of(run_dir):
    return keras.models.load_model(run_dir / "model.keras").get_weights()


@pytest.fixture(scope="module")
def killed(data_set, tmp_path_factory):
    """Returns the directory of a run that was killed in its third epoch of five, and its flags."""
    run_dir = tmp_path_factory.mktemp("killed") / "run"
    flags = [*FLAGS, "--epochs=5", "--seed=3"]
    command = [sys.executable, "train.py", *flags, f"--data={data_set}", f"--output={run_dir}"]
    switch = run_dir / "checkpoint" / "progress.json"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_for(
            process,
            lambda: switch.exists() and Progress.from_json(switch.read_text()).epoch >= 2,
            seconds=0.005,
        )
        os.kill(process.pid, signal.SIGKILL)
    assert not (run_dir / "metrics.json").exists()
    return run_dir, flags


@pytest.fixture
def moved(data_set, tmp_path):
    """Returns a copy of the dataset."""
    return shutil.copytree(data_set, tmp_path / "set")


@pytest.fixture
def started(moved, tmp_path):
    """Returns the directory of a run that has not trained yet, and the flags that resume it."""
    run_dir = tmp_path / "run"
    trainer = Trainer(open_training_data(moved), OURS, {"seed": 0}, Execution())
    open_run_dir(run_dir, trainer.settings("cnn_image"))
    return run_dir, ["--model=cnn_image", f"--data={moved}", f"--output={run_dir}"]


@pytest.mark.slow
def test_a_killed_run_resumes_on_a_moved_dataset_to_the_same_weights(
    killed, moved, data_set, tmp_path
):
    run_dir = shutil.copytree(killed[0], tmp_path / "run")
    flags = [*killed[1], f"--data={moved}", f"--output={run_dir}"]
    assert json.loads((run_dir / "settings.json").read_text())["data"] != str(moved)
    assert train.main(flags) == 0
    whole_dir = tmp_path / "whole"
    assert train.main([*flags, f"--data={data_set}", f"--output={whole_dir}"]) == 0
    for one, other in zip(weights_of(whole_dir), weights_of(run_dir), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (whole_dir / "history.csv").read_text() == (run_dir / "history.csv").read_text()
    whole, resumed = (
        json.loads((each / "metrics.json").read_text()) for each in (whole_dir, run_dir)
    )
    assert whole["epochs"] == 5
    assert whole | {"seconds": 0} == resumed | {"seconds": 0}
    assert not (run_dir / "checkpoint").exists()


@pytest.mark.slow
def test_a_run_stopped_within_epochs_resumes_to_the_same_weights(data_set, tmp_path, monkeypatch):
    """With dropout, augmentation, a schedule, and a batch size that does not divide the pairs."""
    manifest = load_manifest(data_set)
    # A small model: most of the time of a short training is its compilation.
    monkeypatch.setattr("facevoice.training.fit.build_model", dropout_model)
    recipe = Recipe("adamw", 1e-3, "cosine", 4, 3, augment=True, weight_decay=0.05, seed=2)

    def train_in(folder):
        folder.mkdir(exist_ok=True)
        return fit("cnn_image", data_set, manifest, recipe, Execution(), folder, checkpoint_steps=2)

    whole = train_in(tmp_path / "whole")
    ended = CheckpointCallback.on_train_batch_end
    for steps in (3, 7):  # of 5 an epoch: from what was kept, each takes the run further
        left = [steps]

        def stop(callback, batch, logs=None, left=left):
            ended(callback, batch, logs)
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        monkeypatch.setattr(CheckpointCallback, "on_train_batch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train_in(tmp_path / "stopped")
    progress = Progress.from_json((tmp_path / "stopped/checkpoint/progress.json").read_text())
    assert (progress.epoch, progress.step) == (1, 4)
    monkeypatch.setattr(CheckpointCallback, "on_train_batch_end", ended)
    resumed = train_in(tmp_path / "stopped")
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.best_epoch == whole.best_epoch
    for name, values in whole.history.items():
        exactly = name.startswith("val_")
        assert resumed.history[name] == (values if exactly else pytest.approx(values, rel=1e-5))


def test_epochs_do_not_set_the_global_seed(data_set, tmp_path, monkeypatch):
    """TensorFlow would discard the compiled steps, which a test of results does not notice."""
    monkeypatch.setattr("facevoice.training.fit.build_model", dropout_model)
    seeds = []
    monkeypatch.setattr("tensorflow.random.set_seed", seeds.append)
    recipe = Recipe(epochs=2, batch_size=16, seed=7)
    fit("cnn_image", data_set, load_manifest(data_set), recipe, Execution(), tmp_path)
    assert seeds == [7]


def test_a_run_directory_is_locked(data_set, tmp_path, capsys):
    flags = [*FLAGS, f"--data={data_set}", "--epochs=2", f"--output={tmp_path / 'run'}"]
    overrides = {"batch_size": 4, "learning_rate": 0.003, "patience": 3, "epochs": 2, "seed": 0}
    trainer = Trainer(open_training_data(data_set), OURS, overrides, Execution())
    with lock_run_dir(open_run_dir(tmp_path / "run", trainer.settings("cnn_image"))):
        assert train.main(flags) == 1
    assert f"Another training is writing to {tmp_path / 'run'};" in capsys.readouterr().err


def test_early_stopping_survives_interruptions():
    recipe = Recipe(epochs=50, patience=3)
    losses = [1.0, 0.5, 0.6, 0.7, 0.8, 0.1]
    progress = Progress()
    stops = []
    for loss in losses:
        progress = Progress.from_json(progress.to_json())  # as if killed after every epoch
        stops.append(progress.is_done(recipe))
        progress = progress.after_epoch({"val_loss": loss}, recipe.watch, seconds=2.0)
    assert stops == [False, False, False, False, False, True]
    assert (progress.best_epoch, progress.seconds) == (6, 12.0)


def test_a_higher_watched_accuracy_is_better():
    progress = Progress()
    for accuracy in (0.5, 0.9, 0.9, 0.7):
        progress = progress.after_epoch({"accuracy": accuracy}, "accuracy", 1.0)
    assert progress.best_epoch == 2
    assert progress.is_done(Recipe(patience=2, epochs=99))
    assert not progress.is_done(Recipe(patience=3, epochs=99))
    assert progress.is_done(Recipe(patience=99, epochs=4))


def test_a_small_split_gets_more_epochs():
    recipe = Recipe(batch_size=32, epochs=40, min_steps=1500)
    assert recipe.for_pairs(3200).epochs == 40  # 100 steps each
    assert recipe.for_pairs(379).epochs == 125  # 12 steps each
    assert Recipe(epochs=40).for_pairs(1).epochs == 40


def test_without_patience_there_is_no_early_stopping():
    progress = Progress()
    for loss in (0.1, *[1.0] * 30):
        progress = progress.after_epoch({"val_loss": loss}, "val_loss", 1.0)
    assert not progress.is_done(Recipe(patience=None, epochs=32))
    assert progress.is_done(Recipe(patience=None, epochs=31))
    assert progress.best_epoch == 1


def test_a_run_does_not_resume_on_a_changed_dataset(
    started, corpus, build, moved, tmp_path, capsys
):
    run_dir, flags = started
    assert build(*corpus.flags, "--seed=9", f"--output={moved}") == 0
    capsys.readouterr()
    assert train.main(flags) == 1
    error = capsys.readouterr().err
    assert f"The dataset {moved} has changed since the run in {run_dir} started" in error
    assert train.main([*flags, "--patience=5"]) == 1
    assert "no unfinished run with these settings" in capsys.readouterr().err


def test_manifest_sha256_is_the_hash_of_the_file(started, moved):
    run_dir, flags = started
    content = (moved / "dataset.json").read_bytes()
    settings = json.loads((run_dir / "settings.json").read_text())
    assert settings["manifest_sha256"] == hashlib.sha256(content).hexdigest()
    (moved / "dataset.json").write_bytes(json.dumps(json.loads(content)).encode())
    assert train.main(flags) == 1  # equal contents in other bytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preprocessing_revision": 1}, "has changed since the run"),
        ({"software": {"keras": "2.0"}}, "no unfinished run with these settings"),
        ({"software": None}, "no unfinished run with these settings"),
    ],
)
def test_a_run_of_other_packages_or_preprocessing_does_not_resume(started, capsys, change, message):
    run_dir, flags = started
    settings = json.loads((run_dir / "settings.json").read_text())
    (run_dir / "settings.json").write_text(json.dumps(settings | change))
    assert train.main(flags) == 1
    assert message in capsys.readouterr().err


def test_runs_are_numbered_where_no_output_is_named(tmp_path, monkeypatch, data_set):
    monkeypatch.chdir(tmp_path)
    data = open_training_data(data_set)

    def name(model, **changes):
        recipe = asdict(Recipe(**changes))
        settings = run_settings(model, data, recipe, Execution())
        return str(open_run_dir(None, settings))

    assert name("cnn_image") == "runs/cnn_image"
    assert name("cnn_image", seed=1) == "runs/cnn_image-2"
    assert name("cnn_image") == "runs/cnn_image"  # unfinished, so taken up again
    (tmp_path / "runs/cnn_image/metrics.json").write_text("{}")
    assert name("cnn_image") == "runs/cnn_image-3"
    assert name("cnn_audio") == "runs/cnn_audio"


def test_people_without_training_pairs_are_refused(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=3, videos=3)
    clips = sorted(path.relative_to(corpus.audio) for path in corpus.audio.rglob("*.wav"))
    table = tmp_path / "split.txt"
    table.write_text(
        "\n".join(f"{3 if c.parts[0] == 'id10002' else 1 + i % 3} {c}" for i, c in enumerate(clips))
    )
    assert build(*corpus.flags, f"--split_file={table}", f"--output={tmp_path / 'set'}") == 0
    assert train.main(["--model=cnn_image", f"--data={tmp_path / 'set'}"]) == 1
    assert "1 person without a training pair, such as Person_2;" in capsys.readouterr().err


def test_recipes_of_the_study():
    assert set(STUDY) == {"cnn_image", "cnn_audio", "crnn_audio", "cnn_cnn", "cnn_crnn"}
    assert STUDY.keys() < OURS.keys()
    assert all(not r.augment and not r.label_smoothing for r in STUDY.values())
    found = {name: (r.optimizer, r.batch_size, r.watch, r.patience) for name, r in STUDY.items()}
    assert found == {
        "cnn_image": ("sgd", 32, "accuracy", 3),
        "cnn_audio": ("sgd", 64, "val_loss", 5),
        "crnn_audio": ("sgd", 64, "val_loss", 15),
        "cnn_cnn": ("adam", 64, "val_loss", 5),
        "cnn_crnn": ("adam", 64, "val_loss", 5),
    }
