"""Models: their size, their inputs, what they share, and that they need keras alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import models
from models import EMBEDDING, MODELS, Inputs, ModelError, build_model

STUDY = Inputs((246, 246, 3), (128, 128, 1))
SMALL = Inputs((16, 18, 3), (17, 27, 1))
SMALLEST = Inputs((14, 14, 3), (10, 16, 1))
CONVOLUTIONS = ("image_conv1", "image_conv2", "audio_conv1", "audio_conv2")
FUSIONS = {"cnn_cnn": ("cnn_image", "cnn_audio"), "cnn_crnn": ("cnn_image", "crnn_audio")}


def a_batch(name, inputs, examples=3):
    """Random bytes, as the input functions give them for the model's modality."""
    drawn = np.random.default_rng(0)
    shapes = {"image": inputs.image_shape, "spectrogram": inputs.spectrogram_shape}
    arrays = {
        medium: drawn.integers(0, 256, (examples, *shape), dtype=np.uint8)
        for medium, shape in shapes.items()
    }
    wanted = {"image": arrays["image"], "audio": arrays["spectrogram"], "pair": arrays}
    return wanted[MODELS[name].modality]


def train_one_step(model, batch):
    """The loss, and for each weight whether the step moved it."""
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        run_eagerly=True,  # tracing takes seconds
    )
    before = [np.array(weight) for weight in model.trainable_weights]
    loss = model.train_on_batch(batch, np.array([0, 1, 2]))
    after = [np.array(weight) for weight in model.trainable_weights]
    return loss, [(old != new).any() for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("cnn_image", 3_727_784),
        ("cnn_audio", 3_764_136),
        ("crnn_audio", 138_280),
        ("cnn_cnn", 7_489_256),
        ("cnn_crnn", 3_867_560),
        ("linear_image", 246 * 246 * 3 * 40 + 40),
    ],
)
def test_parameter_counts_at_the_studys_shapes(name, parameters):
    assert build_model(name, STUDY, 40).count_params() == parameters


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_functional_and_each_input_is_bytes_that_are_rescaled_first(name):
    model = build_model(name, SMALL, 5)
    assert isinstance(model, keras.Model)
    assert not isinstance(model, keras.Sequential)
    assert model.name == name
    first = [at for at in model.layers if getattr(at, "scale", None) == 1 / 255]
    assert all(isinstance(at, keras.layers.Rescaling) for at in first)
    assert {id(at.input) for at in first} == {id(at) for at in model.inputs}
    assert {at.dtype for at in model.inputs} == {"uint8"}


@pytest.mark.parametrize("name", MODELS)
def test_the_registry_says_what_a_model_reads(name):
    names = {at.name for at in build_model(name, SMALL, 5).inputs}
    wanted = {"image": {"image"}, "audio": {"spectrogram"}, "pair": {"image", "spectrogram"}}
    assert names == wanted[MODELS[name].modality]
    assert MODELS[name].description
    assert "\n" not in MODELS[name].description


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_moves_every_weight_and_answers_are_probabilities(name):
    keras.utils.set_random_seed(0)
    model = build_model(name, SMALL, 3)
    loss, moved = train_one_step(model, a_batch(name, SMALL))
    assert np.isfinite(loss)
    assert all(moved)
    answers = np.asarray(model(a_batch(name, SMALL)))
    assert answers.shape == (3, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_smallest_inputs_and_oblong_ones_can_be_trained_on(name):
    for inputs in (SMALLEST, Inputs((15, 40, 3), (70, 21, 1))):
        loss, moved = train_one_step(build_model(name, inputs, 3), a_batch(name, inputs))
        assert np.isfinite(loss)
        assert any(moved)


@pytest.mark.parametrize("name", MODELS)
def test_in_half_precision_the_answer_is_still_float32(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(name, SMALL, 3)
        answers = np.asarray(model(a_batch(name, SMALL)))
        loss, _ = train_one_step(model, a_batch(name, SMALL))
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer(EMBEDDING).compute_dtype == "float16"
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(loss)


@pytest.mark.parametrize("name", MODELS)
def test_the_embedding_is_what_the_last_layer_sees(name):
    model = build_model(name, SMALL, 5)
    batch = a_batch(name, SMALL)
    embedded = keras.Model(model.input, model.get_layer(EMBEDDING).output)(batch)
    assert model.layers[-1].name == "person"
    np.testing.assert_allclose(model.layers[-1](embedded), model(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet_image", "resnet_audio"])
def test_a_residual_model_has_less_than_half_a_million_parameters(name):
    inputs = Inputs((128, 128, 3), (128, 128, 1))
    assert build_model(name, inputs, 40).count_params() < 500_000


@pytest.mark.parametrize("name", ["resnet_image", "resnet_audio"])
def test_embeddings_of_the_residual_models_are_directions(name):
    model = build_model(name, SMALL, 5)
    embedded = keras.Model(model.input, model.get_layer(EMBEDDING).output)(a_batch(name, SMALL))
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 16, rtol=1e-3)


def test_the_residual_models_are_blind_to_light_and_deaf_to_loudness():
    for name in ("resnet_image", "resnet_audio"):
        model = build_model(name, SMALL, 5)
        batch = a_batch(name, SMALL) // 2
        np.testing.assert_allclose(model(batch), model(batch + 100), atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_comes_back_with_the_same_answers(name, tmp_path):
    model = build_model(name, SMALL, 5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    batch = a_batch(name, SMALL)
    np.testing.assert_array_equal(model.predict_on_batch(batch), again.predict_on_batch(batch))


@pytest.mark.parametrize(("fusion", "singles"), FUSIONS.items())
def test_a_fusion_model_contains_the_layers_of_the_single_models_encoders(fusion, singles):
    joined = build_model(fusion, STUDY, 40)
    for single in singles:
        model = build_model(single, STUDY, 40)
        encoder = [layer for layer in model.layers if layer.name.startswith(("image_", "audio_"))]
        assert len(encoder) >= 6
        for layer in encoder:
            twin = joined.get_layer(layer.name)
            assert type(twin) is type(layer)
            assert twin.get_config() == layer.get_config()
            assert [w.shape for w in twin.weights] == [w.shape for w in layer.weights]
            assert twin.output.shape == layer.output.shape


@pytest.mark.parametrize("name", ["crnn_audio", "cnn_crnn"])
def test_each_step_of_the_lstm_is_a_moment_with_all_its_bands(name):
    model = build_model(name, Inputs((16, 16, 3), (48, 128, 1)), 5)
    assert model.get_layer("audio_conv1").input.shape == (None, 128, 48)
    assert model.get_layer("audio_lstm").input.shape == (None, 29, 128)  # ((128 - 4) / 2 - 4) / 2


def test_a_change_at_one_moment_reaches_only_the_steps_around_it():
    model = build_model("crnn_audio", STUDY, 5)
    steps = keras.Model(model.input, model.get_layer("audio_lstm").input)
    clip = a_batch("crnn_audio", STUDY, examples=1)
    for band in (0, 127):
        changed = clip.copy()
        changed[:, band, 64] ^= 255
        moved = np.flatnonzero((np.asarray(steps(clip)) != np.asarray(steps(changed))).any(axis=2))
        assert moved.size
        # A step sees 16 frames and is 4 after the one before.
        assert moved.min() > (64 - 16) / 4
        assert moved.max() <= 64 / 4


def test_a_voice_played_backwards_is_another_voice():
    model = build_model("crnn_audio", STUDY, 5)
    clip = a_batch("crnn_audio", STUDY)
    embed = keras.Model(model.input, model.get_layer(EMBEDDING).output)
    assert np.abs(np.asarray(embed(clip)) - np.asarray(embed(clip[:, :, ::-1]))).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "dropout", "decayed"),
    [
        ("cnn_image", 0.25, {"image_conv1", "image_conv2"}),
        ("cnn_audio", 0.0, {"audio_conv1", "audio_conv2", EMBEDDING}),
        ("crnn_audio", 0.0, {"audio_conv1", "audio_conv2", EMBEDDING}),
        ("cnn_cnn", 0.15, {*CONVOLUTIONS, EMBEDDING}),
        ("cnn_crnn", 0.15, {*CONVOLUTIONS, EMBEDDING}),
    ],
)
def test_l2_and_dropout_are_the_studys_and_arguments(name, dropout, decayed):
    other = {"dropout": 0.5, "l2": 0.25}
    for wanted, arguments in (({"dropout": dropout, "l2": 1e-3}, {}), (other, other)):
        model = build_model(name, SMALL, 5, **arguments)
        assert model.get_layer("dropout").rate == wanted["dropout"]
        found = {
            layer.name: float(layer.kernel_regularizer.l2)
            for layer in model.layers
            if getattr(layer, "kernel_regularizer", None)
        }
        assert found == pytest.approx(dict.fromkeys(decayed, wanted["l2"]))
    assert sum(map(float, build_model(name, SMALL, 5, l2=0.0).losses)) == 0


def test_widths_are_arguments():
    model = build_model("cnn_image", SMALL, 5, filters=(4,), pool_sizes=(2,), dense_units=8)
    # convolution 3*3*3*4 + 4; embedding 7*8*4*8 + 8; answer 8*5 + 5
    assert model.count_params() == 112 + 1800 + 45
    widths = {"image_filters": (3, 4), "audio_filters": (5, 6), "dense_units": 8}
    model = build_model("cnn_crnn", SMALL, 5, image_units=9, lstm_units=7, **widths)
    shapes = {
        "image_conv2": 4, "image_projection": 9, "audio_conv2": 6, "audio_lstm": 7,
        "face_and_voice": 16, EMBEDDING: 8,
    }  # fmt: skip
    assert {at: model.get_layer(at).output.shape[-1] for at in shapes} == shapes


@pytest.mark.parametrize(
    ("names", "inputs", "words"),
    [
        (["cnn_image", "cnn_cnn", "cnn_crnn"], ((13, 99, 3), (99, 99, 1)), "--image_size 14."),
        (["cnn_audio", "cnn_cnn"], ((99, 99, 3), (9, 99, 1)), "--bands 10."),
        (["cnn_audio", "cnn_cnn"], ((99, 99, 3), (9, 8, 1)), "--bands 10 --frames 10."),
        (["crnn_audio", "cnn_crnn"], ((99, 99, 3), (1, 15, 1)), "--frames 16."),
    ],
)
def test_too_small_inputs_are_refused_with_the_smallest_that_work(names, inputs, words):
    for name in names:
        with pytest.raises(ModelError, match=r"are too small for the pooling .* at least") as error:
            build_model(name, Inputs(*inputs), 5)
        assert str(error.value).endswith(words)


def test_filters_without_their_pooling_are_refused():
    with pytest.raises(ModelError, match=r"image encoder has filters \(8, 8\) but pooling \(2,\)"):
        build_model("cnn_image", SMALL, 5, filters=(8, 8), pool_sizes=(2,))


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(ModelError, match="cnn_imag'; there are cnn_image, cnn_audio"):
        build_model("cnn_imag", SMALL, 5)


def test_models_import_keras_and_nothing_else_of_ours_or_tensorflows():
    for path in Path(models.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [getattr(node, "module", None) or alias.name for alias in node.names]
                roots = {module.split(".")[0] for module in modules}
                assert roots <= {*sys.stdlib_module_names, "keras", "models"}, path
