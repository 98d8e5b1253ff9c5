"""Tests of building, training and predicting from Python, and of the notebook."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import facevoice
from facevoice import api, plugins
from facevoice.evaluation.errors import EvaluationError
from facevoice.sample_corpus import writer
from facevoice.training import fit as fitting
from facevoice.training import progress_bar
from models import MODELS
from tests.conftest import SMALL, Corpus, write_face
from tests.tools import untrained_run
from tfdata.errors import DatasetError, FaceVoiceError
from tfdata.storage.local import LocalStorage

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


@pytest.fixture
def small_run(data_set, tmp_path):
    untrained_run("cnn_image", data_set, tmp_path / "run")
    return facevoice.open_run(tmp_path / "run")


def test_flags_of_a_build():
    settings = {"faces": Path("a b"), "persons": 3, "strict": True, "meta": None, "dry_run": False}
    assert api._flags(settings) == ["--faces=a b", "--persons=3", "--strict"]


def printing(monkeypatch, text, code=0):
    """Replaces the build by a process that prints a text."""
    program = f"import sys; print({text!r}, end=''); sys.exit({code})"
    monkeypatch.setattr(api, "BUILD", [sys.executable, "-c", program])


def test_a_build_shows_its_lines_and_a_bar_and_returns_the_dataset(monkeypatch, data_set, capsys):
    lines = ["Building it.", "Writing: 1/2,000 pairs, 1/4 shards, ? pair/s, ? left", "Done."]
    printing(monkeypatch, "\n".join(lines))
    dataset = facevoice.build(data_set, persons=3)
    assert dataset.manifest == facevoice.load_manifest(data_set)
    printed = capsys.readouterr()
    assert printed.out == "Building it.\nDone.\n"
    assert "2000/2000" in printed.err
    assert len(list(dataset.load("test", "image"))) == 1


def test_a_failed_build_raises_its_line(monkeypatch, tmp_path):
    printing(monkeypatch, "Building it.\nerror: --faces: no images found.\n", code=1)
    with pytest.raises(api.BuildFailedError, match=r"^--faces: no images found\.$"):
        facevoice.build(tmp_path / "set")


def test_a_dataset_is_opened_by_its_url(data_set, monkeypatch):
    url, manifest = "s3://bucket/set", facevoice.load_manifest(data_set)
    monkeypatch.setattr(api, "load_manifest", {url: manifest}.get)
    dataset = facevoice.open_dataset(url)
    assert (dataset.data_dir, dataset.manifest) == (url, manifest)
    monkeypatch.setattr(api, "storage_at", {url: LocalStorage(data_set)}.get)
    assert dataset._repr_html_().startswith("<iframe")
    monkeypatch.setattr(api, "local_copy", {url: data_set / "none"}.get)
    with pytest.raises(DatasetError, match="none"):
        facevoice.train(dataset)


def test_a_card_is_shown_in_a_frame_without_scripts(data_set, tmp_path):
    html = facevoice.open_dataset(data_set)._repr_html_()
    assert html.startswith('<iframe sandbox srcdoc="&lt;!doctype html&gt;&lt;meta http-equiv=')
    assert "default-src &#x27;none&#x27;" in html
    assert html.count("<") == 2
    manifest = facevoice.load_manifest(data_set)
    assert "has no card" in facevoice.Dataset(tmp_path, manifest)._repr_html_()


def test_a_run_and_a_prediction_show_themselves(small_run, tmp_path):
    assert "<caption>cnn_image, 3 people</caption>" in small_run._repr_html_()
    write_face(tmp_path / "face.jpg", seed=1)
    prediction = facevoice.predict(small_run, face=tmp_path / "face.jpg", top=2)
    assert len(prediction.people) == 2
    assert prediction._repr_html_().count("<tr><td>Person_") == 2
    missing = facevoice.predict(small_run.run_dir, face="<none>.jpg")
    assert "&lt;none&gt;.jpg" in missing._repr_html_()


@pytest.mark.parametrize("given", [{}, {"audio": "clip.wav"}, {"face": "a", "audio": "b"}])
def test_predict_names_the_media_that_the_model_needs(small_run, given):
    with pytest.raises(EvaluationError, match="The model cnn_image needs face, but "):
        facevoice.predict(small_run, **given)


def tiny(image_shape, classes):
    """Face: the mean colour."""
    import keras
    from keras import layers

    inputs = keras.Input(image_shape, dtype="uint8")
    x = layers.GlobalAveragePooling2D(name="embedding")(layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def half(learning_rate, steps_per_epoch, epochs):
    return learning_rate / 2


@pytest.mark.usefixtures("no_figures")
def test_a_function_is_trained_as_a_model(data_set, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fitting, "in_notebook", lambda: True)
    run = facevoice.train(
        facevoice.open_dataset(data_set),
        tiny,
        output=tmp_path / "run",
        schedule=half,
        augmentation="none",
        epochs=2,
    )
    try:
        assert (run.model, run.modality) == (f"{__name__}:tiny", "image")
        settings = json.loads((tmp_path / "run" / "settings.json").read_text())
        assert settings["schedule"] == f"{__name__}:half"
        assert settings["augment"] is False
        assert len(settings["code"][run.model]) == 64
        assert "<tr><td>test</td><td>" in run._repr_html_()
        printed = capsys.readouterr()
        assert "Training: 100%" in printed.err
        assert "Epoch 1/2" not in printed.out
    finally:
        del MODELS[f"{__name__}:tiny"]
        for names in plugins._used.values():
            names.clear()
        plugins._code.clear()


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"epoch": 3}, "There is no setting 'epoch' of a recipe; did you mean epochs?"),
        ({"epochs": "3"}, "epochs is '3', not an integer"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"model": "cnn"}, "There is no model 'cnn'"),
        ({"schedule": "linear"}, "There is no schedule 'linear'"),
        ({"augmentation": "linear"}, "There is no augmentation 'linear'"),
        ({"model": lambda image_shape, classes: None}, "<lambda> has no name that can be recorded"),
        ({"schedule": partial(half, epochs=3)}, "functools:partial has no name that can be recor"),
    ],
)
def test_settings_that_cannot_be_used(data_set, wrong, expected):
    with pytest.raises(FaceVoiceError) as error:
        facevoice.train(data_set, **wrong)
    assert expected in str(error.value)


def test_a_notebook_is_recognised(monkeypatch):
    assert not progress_bar.in_notebook()
    for config, expected in (({"IPKernelApp": {}}, True), ({}, False)):
        shell = SimpleNamespace(config=config)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # noqa: B023
        assert progress_bar.in_notebook() is expected


def test_the_notebook_is_stored_without_results():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    """On three people of the sample corpus, at small shapes."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    root = tmp_path / "data" / "sample_corpus"
    for index in range(3):
        writer.write_person(root, index)
    made = writer.corpus_paths(root)
    made.meta.write_text(writer.meta_text(), encoding="utf-8")
    corpus = Corpus(made.faces, made.audio, made.meta)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    build = next(cell for cell in notebook.cells if "facevoice.build(" in cell.source)
    flags = [flag[2:].partition("=") for flag in (*SMALL, *corpus.flags)]
    arguments = ", ".join(f"{name}={value or True!r}" for name, _, value in flags)
    build.source = build.source.replace('"data/sample")', f'"data/sample", {arguments})')
    assert arguments in build.source
    resources = {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [
        output["data"]["text/html"]
        for cell in code
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert [html.partition(" ")[0].partition("\n")[0] for html in shown] == [
        "<iframe",
        "<table>",
        "<table>",
        "<table>",
    ]
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
