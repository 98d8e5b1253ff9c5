"""Models: their size, their inputs, and that they need keras alone."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

from models import MODELS, Inputs, ModelError, build_model

STUDY = Inputs((246, 246, 3), (128, 128, 1))
SMALL = Inputs((16, 16, 3), (16, 16, 1))


@pytest.mark.parametrize(
    ("name", "parameters"), [("cnn_image", 3_727_784), ("linear_image", 246 * 246 * 3 * 40 + 40)]
)
def test_parameter_counts_at_the_studys_shapes(name, parameters):
    assert build_model(name, STUDY, 40).count_params() == parameters


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_functional_and_rescales_first(name):
    model = build_model(name, SMALL, 5)
    assert isinstance(model, keras.Model)
    assert not isinstance(model, keras.Sequential)
    assert isinstance(model.layers[1], keras.layers.Rescaling)
    assert model.inputs[0].dtype == "uint8"


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_probabilities(name):
    faces = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    answers = np.asarray(build_model(name, SMALL, 5)(faces))
    assert answers.shape == (3, 5)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def test_hyper_parameters_are_arguments():
    model = build_model(
        "cnn_image", SMALL, 5, filters=(4,), pool_sizes=(2,), dense_units=8, dropout=0.5, l2=0.0
    )
    # conv 3*3*3*4 + 4; dense 7*7*4*8 + 8; answer 8*5 + 5
    assert model.count_params() == 112 + 1576 + 45
    assert model.get_layer("dropout").rate == 0.5


def test_inputs_too_small_for_the_pooling_are_refused():
    with pytest.raises(ModelError, match=r"8 x 8 are too small .* --image_size"):
        build_model("cnn_image", Inputs((8, 8, 3), (128, 128, 1)), 5)


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(ModelError, match="cnn_imag'; there are cnn_image"):
        build_model("cnn_imag", SMALL, 5)


def test_models_import_keras_and_nothing_else_of_ours_or_tensorflows():
    code = (
        "import ast, pathlib, sys\n"
        "for path in pathlib.Path('models').glob('*.py'):\n"
        "    for node in ast.walk(ast.parse(path.read_text())):\n"
        "        names = [a.name for a in node.names] if isinstance(node, ast.Import) else \\\n"
        "            [node.module] if isinstance(node, ast.ImportFrom) else []\n"
        "        for name in names:\n"
        "            root = name.split('.')[0]\n"
        "            assert root in {*sys.stdlib_module_names, 'keras', 'models'}, (path, name)\n"
    )
    root = __file__.rsplit("/tests/", 1)[0]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
