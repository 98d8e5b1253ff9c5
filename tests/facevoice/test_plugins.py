"""Tests of models, augmentations, schedules and recipes of other packages."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import keras
import pytest

import tfdata
from facevoice import plugins
from facevoice.commands import evaluate, predict, train
from facevoice.evaluation.errors import EvaluationError
from facevoice.evaluation.runs import open_run
from models import MODELS
from tests.conftest import write_face
from tests.tools import error_line, untrained_run
from tfdata.errors import FaceVoiceError

pytestmark = pytest.mark.usefixtures("no_figures")

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-model.md"
FILES = re.compile(r"Save this as\s+`(\w+)\.py`:\n\n```python\n(.*?)```", re.DOTALL)
MARKED = """
from pathlib import Path

Path("mark").touch()


def build(image_shape, classes):
    raise AssertionError


augment = schedule = build
"""


@pytest.fixture
def forget(monkeypatch):
    """Returns a function that forgets all code of other packages, as a new process does."""
    built_in, registered = dict(MODELS), dict(keras.saving.get_custom_objects())
    modules = set(sys.modules)

    def forget():
        for kept, known in ((built_in, MODELS), (registered, keras.saving.get_custom_objects())):
            known.clear()
            known.update(kept)
        for names in (*plugins._used.values(), plugins._code):
            names.clear()
        for name in set(sys.modules) - modules:
            if name.startswith(("my_", "marked")):
                del sys.modules[name]

    yield forget
    forget()


@pytest.fixture
def folder(tmp_path, monkeypatch, forget):
    """The working directory, with the modules of the guide."""
    for name, source in FILES.findall(GUIDE.read_text(encoding="utf-8")):
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error_of(command, flags, capsys):
    capsys.readouterr()
    try:
        assert command([str(flag) for flag in flags]) == 1
    except SystemExit as stop:
        assert stop.code == 2  # noqa: PT017
    return error_line(capsys)


def test_the_example_of_the_guide_is_trained_evaluated_and_repeated(
    folder, data_set, forget, capsys
):
    write_face(folder / "face.jpg", seed=1)
    flags = ["--model", "my_models:small_cnn", "--recipe", "my_recipes:SHORT"]
    assert train.main([*flags, "--data", str(data_set), "--epochs", "1"]) == 0
    run_dir = folder / "runs" / "small_cnn"
    settings = json.loads((run_dir / "settings.json").read_text())
    names = ["my_augmentations:flip", "my_models:small_cnn", "my_recipes:halve_each_epoch"]
    assert list(settings["code"]) == names
    assert all(len(digest) == 64 for digest in settings["code"].values())
    assert settings["augment"] == "my_augmentations:flip"

    forget()
    own = ["--model", "my_models:small_cnn"]
    query = ["--run", run_dir, "--face", "face.jpg"]
    error = error_of(predict.main, query, capsys)
    assert "needs the code of my_models:small_cnn, which no run can import" in error
    assert "give --model my_models:small_cnn." in error
    assert predict.main([*map(str, query), *own]) == 0
    assert evaluate.main(["--run", str(run_dir), *own, "--skip_robustness"]) == 0

    forget()
    repeat = ["--settings", run_dir / "settings.json"]
    error = error_of(train.main, repeat, capsys)
    assert "its model is my_models:small_cnn, and files do not import code" in error
    error = error_of(train.main, [*repeat, *own], capsys)
    assert "add --schedule my_recipes:halve_each_epoch." in error
    repeat += [*own, "--schedule", "my_recipes:halve_each_epoch"]
    repeat += ["--augmentation", "my_augmentations:flip"]
    assert train.main([*map(str, repeat)]) == 0
    assert "small_cnn is finished in runs/small_cnn." in capsys.readouterr().out

    forget()
    source = folder / "my_models.py"
    source.write_text(f"{source.read_text()}\n")
    error = error_of(train.main, [*repeat, "--output", run_dir], capsys)
    assert "other code of my_models:small_cnn" in error


@pytest.fixture
def marked_run(data_set, folder):
    """A run whose settings name a module that leaves a mark on import."""
    (folder / "marked.py").write_text(MARKED)
    run_dir = folder / "run"
    untrained_run("cnn_image", data_set, run_dir)
    settings = json.loads((run_dir / "settings.json").read_text())
    settings |= {"model": "marked:build", "schedule": "marked:schedule"}
    settings |= {"augment": "marked:augment", "code": {"marked:build": "0" * 64}}
    (run_dir / "settings.json").write_text(json.dumps(settings))
    write_face(folder / "face.jpg", seed=1)
    return run_dir


def test_opening_a_run_imports_nothing_that_it_names(marked_run, folder, data_set, capsys):
    assert open_run(marked_run).modality == "image"
    assert predict.main(["--run", str(marked_run), "--face", "face.jpg"]) == 0
    assert evaluate.main(["--run", str(marked_run), "--skip_robustness"]) == 0
    settings = ["--settings", marked_run / "settings.json"]
    assert "add --model marked:build." in error_of(train.main, settings, capsys)
    resume = ["--model", "cnn_image", "--data", data_set, "--output", marked_run]
    assert "model cnn_image instead of marked:build" in error_of(train.main, resume, capsys)
    assert not (folder / "mark").exists()
    named = ["--run", str(marked_run), "--face", "face.jpg", "--model", "marked:build"]
    assert predict.main(named) == 0
    assert (folder / "mark").exists()


def test_names_in_settings_are_not_imported_where_others_are_given(marked_run, folder, capsys):
    path = marked_run / "settings.json"
    settings = json.loads(path.read_text()) | {"model": "cnn_image"}
    path.write_text(json.dumps(settings))
    error = error_of(train.main, ["--settings", path], capsys)
    assert "add --schedule marked:schedule." in error
    path.write_text(json.dumps(settings | {"schedule": "constant"}))
    error = error_of(train.main, ["--settings", path], capsys)
    assert "add --augmentation marked:augment." in error
    assert not (folder / "mark").exists()


def test_entry_points_of_installed_packages_need_no_module_name(folder, data_set, monkeypatch):
    def found(group):
        points = [EntryPoint("small_cnn", "my_models:small_cnn", "facevoice.models")]
        return [point for point in points if point.group == group]

    monkeypatch.setattr(plugins, "entry_points", found)
    assert plugins.is_named("model", "small_cnn")
    assert not plugins.is_named("schedule", "small_cnn")
    spec = plugins.find("model", "small_cnn")
    assert (spec.modality, spec.description[:6]) == ("image", "Face: ")
    assert plugins.find("model", "other") is None
    assert set(plugins.code_digests(["small_cnn", "cnn_image", True])) == {"small_cnn"}
    untrained_run("small_cnn", data_set, folder / "run")
    assert open_run(folder / "run").model == "small_cnn"


def test_a_model_of_a_package_that_is_not_installed_is_unknown(folder, data_set):
    untrained_run("cnn_image", data_set, folder / "run")
    (folder / "run" / "settings.json").write_text(json.dumps({"model": "small", "data": "d"}))
    with pytest.raises(EvaluationError, match="a model 'small', which is unknown"):
        open_run(folder / "run")


WRONG = '''
import keras
from keras import layers

NUMBER = 3
RECIPES = {"cnn_image": 3}


def no_classes(image_shape):
    """Has no classes."""


def no_embedding(image_shape, classes):
    inputs = keras.Input(image_shape, dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    return keras.Model(inputs, layers.Dense(classes)(layers.Flatten()(x)))


def no_probabilities(image_shape, classes):
    inputs = keras.Input(image_shape, dtype="uint8")
    return keras.Model(inputs, layers.Flatten(name="embedding")(inputs))


def with_lambda(image_shape, classes):
    return with_layer(image_shape, classes, layers.Lambda(lambda x: x / 255, name="scale"))


class Scaling(layers.Layer):
    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, images):
        return keras.ops.cast(images, "float32") * self.factor

    def get_config(self):
        return super().get_config()


def without_config(image_shape, classes):
    return with_layer(image_shape, classes, Scaling(1 / 255, name="scale"))


def with_layer(image_shape, classes, layer):
    inputs = keras.Input(image_shape, dtype="uint8")
    x = layers.Flatten(name="embedding")(layer(inputs))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def no_model(image_shape, classes):
    return 3


def no_rate(learning_rate, steps_per_epoch, epochs):
    return "fast"


def failing(arrays, rng, floor_db):
    raise RuntimeError("no")


def other_type(arrays, rng, floor_db):
    return {name: value[:1] for name, value in arrays.items()}
'''


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--model=my_wrong:NUMBER"], "The model my_wrong:NUMBER is of type int; name a function."),
        (["--model=my_wrong:none"], "my_wrong:none cannot be imported"),
        (["--model=my_missing:none"], "No module named 'my_missing'"),
        (["--model=my_wrong:no_classes"], "has the parameters (image_shape); use (image_shape, "),
        (["--model=my_wrong:no_embedding"], "has no layer named 'embedding'"),
        (["--model=my_wrong:no_probabilities"], "has outputs of shape [(None, 768)]"),
        (["--model=my_wrong:with_lambda"], "The layer 'scale' of the model my_wrong:with_lambda "),
        (["--model=my_wrong:without_config"], "give its class Scaling a get_config with all"),
        (["--model=my_wrong:no_model"], "returns int, not a Keras model."),
        (["--model=cnn_imag"], "Did you mean cnn_image?"),
        (["--model=cnn_image", "--recipe=my_wrong:NUMBER"], "is of type int; use a Recipe"),
        (["--model=cnn_image", "--recipe=my_wrong:RECIPES"], "is of type int; use a Recipe"),
        (["--model=cnn_image", "--recipe=studi"], "Did you mean study?"),
        (["--model=cnn_image", "--schedule=cosin"], "Did you mean cosine?"),
        (["--model=cnn_image", "--schedule=my_wrong:no_rate"], "could not convert string to float"),
        (["--model=cnn_image", "--augmentation=off"], "--augmentation is 'off'; use one of none, "),
        (["--model=cnn_image", "--augmentation=my_wrong:failing"], "(RuntimeError: no)"),
        (
            ["--model=cnn_image", "--augmentation=my_wrong:other_type"],
            "returns image uint8 [1, 16, 16, 3] for image uint8 [2, 16, 16, 3];",
        ),
        ([], "--model is missing; name a model, or the --settings"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder, data_set, capsys, flags, expected):
    (folder / "my_wrong.py").write_text(WRONG)
    assert expected in error_of(train.main, [*flags, "--data", data_set], capsys)


def test_an_augmentation_is_applied_when_reading(folder, data_set):
    def bright(arrays, rng, floor_db):
        return {name: value | 128 for name, value in arrays.items()}

    options = tfdata.ReadOptions(augment=bright)
    for images, _ in tfdata.load(data_set, "train", "image", options):
        assert int(images.numpy().min()) >= 128
    with pytest.raises(FaceVoiceError, match="fails on a batch of zeros"):
        tfdata.load(data_set, "train", "image", tfdata.ReadOptions(augment=lambda arrays: arrays))
