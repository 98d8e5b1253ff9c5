"""Models: sizes, inputs, outputs, shared layers, and that they import keras only."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

import models
from models import EMBEDDING, MODELS, Inputs, ModelError, build_model
from tfdata.loader import MODALITIES

DIMENSIONS = {"image": 6, "audio": 5}
STUDY = Inputs((246, 246, 3), (128, 128, 1))
SMALL = Inputs((16, 18, 3), (17, 27, 1), DIMENSIONS)
SMALLEST = Inputs((14, 14, 3), (10, 16, 1), DIMENSIONS)
CONVOLUTIONS = ("image_conv1", "image_conv2", "audio_conv1", "audio_conv2")
ON_EMBEDDINGS = [name for name, spec in MODELS.items() if spec.on_embeddings]
FUSIONS = {"cnn_cnn": ("cnn_image", "cnn_audio"), "cnn_crnn": ("cnn_image", "crnn_audio")}


@cache
def untrained(name, inputs=SMALL, classes=5):
    """Returns a model of small inputs and five classes, which a test must not change."""
    return build_model(name, inputs, classes)


def random_batch(name, inputs, examples=3):
    """Random inputs of the model: uint8, or unit vectors."""
    drawn = np.random.default_rng(0)
    if MODELS[name].on_embeddings:
        vectors = {
            f"{key}_embedding": unit(drawn.normal(size=(examples, size)).astype(np.float32))
            for key, size in inputs.embedding_dimensions.items()
        }
        return vectors if MODELS[name].modality == "pair" else vectors[MODELS[name].inputs[0]]
    shapes = {"image": inputs.image_shape, "spectrogram": inputs.spectrogram_shape}
    arrays = {
        medium: drawn.integers(0, 256, (examples, *shape), dtype=np.uint8)
        for medium, shape in shapes.items()
    }
    wanted = {"image": arrays["image"], "audio": arrays["spectrogram"], "pair": arrays}
    return wanted[MODELS[name].modality]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def train_one_step(model, batch):
    """Returns the loss and, for each weight, whether the step changed it."""
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),  # without variables, which take a third of the time
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
    assert untrained(name, STUDY, 40).count_params() == parameters


@pytest.mark.parametrize("name", sorted(MODELS.keys() - ON_EMBEDDINGS))
def test_a_model_is_functional_and_rescales_each_uint8_input_first(name):
    model = untrained(name)
    assert isinstance(model, keras.Model)
    assert not isinstance(model, keras.Sequential)
    assert model.name == name
    first = [layer for layer in model.layers if getattr(layer, "scale", None) == 1 / 255]
    assert all(isinstance(layer, keras.layers.Rescaling) for layer in first)
    assert {id(layer.input) for layer in first} == {id(x) for x in model.inputs}
    assert {x.dtype for x in model.inputs} == {"uint8"}


@pytest.mark.parametrize("name", ON_EMBEDDINGS)
def test_a_model_on_embeddings_reads_float32(name):
    assert {x.dtype for x in untrained(name).inputs} == {"float32"}
    assert untrained(name).name == name
    with pytest.raises(ModelError, match=r"needs .*_embedding, which the inputs lack"):
        build_model(name, STUDY, 5)


@pytest.mark.parametrize("name", MODELS)
def test_the_registry_has_the_modality_of_each_model(name):
    names = {x.name for x in untrained(name).inputs}
    wanted = {"image": {"image"}, "audio": {"spectrogram"}, "pair": {"image", "spectrogram"}}
    if MODELS[name].on_embeddings:
        wanted = {key: {f"{key}_embedding"} for key in ("image", "audio")}
        wanted["pair"] = wanted["image"] | wanted["audio"]
    assert names == wanted[MODELS[name].modality] == set(MODELS[name].inputs)
    assert set(MODALITIES[MODELS[name].reads]) == names
    assert MODELS[name].description
    assert "\n" not in MODELS[name].description


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_changes_every_weight_and_outputs_are_probabilities(name):
    keras.utils.set_random_seed(0)
    model = build_model(name, SMALL, 3)
    loss, moved = train_one_step(model, random_batch(name, SMALL))
    assert np.isfinite(loss)
    assert all(moved)
    outputs = np.asarray(model(random_batch(name, SMALL)))
    assert outputs.shape == (3, 3)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_models_train_on_the_smallest_inputs_and_on_oblong_ones(name):
    for inputs in (SMALLEST, Inputs((15, 40, 3), (70, 21, 1), DIMENSIONS)):
        loss, moved = train_one_step(build_model(name, inputs, 3), random_batch(name, inputs))
        assert np.isfinite(loss)
        assert any(moved)


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_float32_in_half_precision(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(name, SMALL, 3)
        outputs = np.asarray(model(random_batch(name, SMALL)))
        loss, _ = train_one_step(model, random_batch(name, SMALL))
    finally:
        keras.config.set_dtype_policy("float32")
    is_float32 = MODELS[name].on_embeddings
    assert model.get_layer(EMBEDDING).compute_dtype == ("float32" if is_float32 else "float16")
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(loss)


@pytest.mark.parametrize("name", MODELS)
def test_the_embedding_is_the_input_of_the_last_layer(name):
    model = untrained(name)
    batch = random_batch(name, SMALL)
    embedded = keras.Model(model.input, model.get_layer(EMBEDDING).output)(batch)
    assert model.layers[-1].name == "person"
    np.testing.assert_allclose(model.layers[-1](embedded), model(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet_image", "resnet_audio"])
def test_a_residual_model_has_less_than_half_a_million_parameters(name):
    inputs = Inputs((128, 128, 3), (128, 128, 1))
    assert build_model(name, inputs, 40).count_params() < 500_000


@pytest.mark.parametrize("name", ["resnet_image", "resnet_audio"])
def test_embeddings_of_the_residual_models_have_norm_16(name):
    model = untrained(name)
    embedded = keras.Model(model.input, model.get_layer(EMBEDDING).output)(
        random_batch(name, SMALL)
    )
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 16, rtol=1e-3)


def test_the_residual_models_ignore_brightness_and_loudness():
    for name in ("resnet_image", "resnet_audio"):
        model = untrained(name)
        batch = random_batch(name, SMALL) // 2
        np.testing.assert_allclose(model(batch), model(batch + 100), atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_has_the_same_outputs(name, tmp_path):
    model = untrained(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    batch = random_batch(name, SMALL)
    np.testing.assert_array_equal(model(batch), loaded(batch))


@pytest.mark.parametrize(("fusion", "singles"), FUSIONS.items())
def test_a_fusion_model_contains_the_layers_of_the_single_models_encoders(fusion, singles):
    fusion_model = untrained(fusion, STUDY, 40)
    for single in singles:
        model = untrained(single, STUDY, 40)
        encoder = [layer for layer in model.layers if layer.name.startswith(("image_", "audio_"))]
        assert len(encoder) >= 6
        for layer in encoder:
            twin = fusion_model.get_layer(layer.name)
            assert type(twin) is type(layer)
            assert twin.get_config() == layer.get_config()
            assert [w.shape for w in twin.weights] == [w.shape for w in layer.weights]
            assert twin.output.shape == layer.output.shape


@pytest.mark.parametrize("name", ["crnn_audio", "cnn_crnn"])
def test_the_lstm_runs_over_time(name):
    model = build_model(name, Inputs((16, 16, 3), (48, 128, 1)), 5)
    assert model.get_layer("audio_conv1").input.shape == (None, 128, 48)
    assert model.get_layer("audio_lstm").input.shape == (None, 29, 128)  # ((128 - 4) / 2 - 4) / 2


def test_a_change_in_one_frame_affects_only_the_steps_around_it():
    model = untrained("crnn_audio", STUDY, 40)
    steps = keras.Model(model.input, model.get_layer("audio_lstm").input)
    clip = random_batch("crnn_audio", STUDY, examples=1)
    for band in (0, 127):
        changed = clip.copy()
        changed[:, band, 64] ^= 255
        moved = np.flatnonzero((np.asarray(steps(clip)) != np.asarray(steps(changed))).any(axis=2))
        assert moved.size
        # A step covers 16 frames; steps are 4 frames apart.
        assert moved.min() > (64 - 16) / 4
        assert moved.max() <= 64 / 4


def test_the_embedding_depends_on_the_direction_of_time():
    model = untrained("crnn_audio", STUDY, 40)
    clip = random_batch("crnn_audio", STUDY)
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
def test_l2_and_dropout_are_arguments_with_the_studys_defaults(name, dropout, decayed):
    other = {"dropout": 0.5, "l2": 0.25}
    for wanted, model in (
        ({"dropout": dropout, "l2": 1e-3}, untrained(name)),
        (other, build_model(name, SMALL, 5, **other)),
    ):
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
    # convolution 3*3*3*4 + 4; embedding 7*8*4*8 + 8; output 8*5 + 5
    assert model.count_params() == 112 + 1800 + 45
    widths = {"image_filters": (3, 4), "audio_filters": (5, 6), "dense_units": 8}
    model = build_model("cnn_crnn", SMALL, 5, image_units=9, lstm_units=7, **widths)
    shapes = {
        "image_conv2": 4, "image_projection": 9, "audio_conv2": 6, "audio_lstm": 7,
        "face_and_voice": 16, EMBEDDING: 8,
    }  # fmt: skip
    assert {name: model.get_layer(name).output.shape[-1] for name in shapes} == shapes


@pytest.mark.parametrize(
    ("names", "inputs", "advice"),
    [
        (
            ["cnn_image", "cnn_cnn", "cnn_crnn"],
            ((13, 99, 3), (99, 99, 1)),
            "with image_size >= 14.",
        ),
        (["cnn_audio", "cnn_cnn"], ((99, 99, 3), (9, 99, 1)), "with bands >= 10."),
        (["cnn_audio", "cnn_cnn"], ((99, 99, 3), (9, 8, 1)), "with bands >= 10 and frames >= 10."),
        (["crnn_audio", "cnn_crnn"], ((99, 99, 3), (1, 15, 1)), "with frames >= 16."),
    ],
)
def test_too_small_inputs_are_errors_that_name_the_smallest_sizes(names, inputs, advice):
    for name in names:
        with pytest.raises(
            ModelError, match=r"are too small for the pool sizes .* build the"
        ) as error:
            build_model(name, Inputs(*inputs), 5)
        assert str(error.value).endswith(advice)


def test_filters_without_pool_sizes_are_an_error():
    with pytest.raises(
        ModelError, match=r"image encoder has filters \(8, 8\) but pool sizes \(2,\)"
    ):
        build_model("cnn_image", SMALL, 5, filters=(8, 8), pool_sizes=(2,))


def test_an_unknown_model_is_an_error_that_lists_the_models():
    with pytest.raises(ModelError, match="cnn_imag'; there are cnn_image, cnn_audio"):
        build_model("cnn_imag", SMALL, 5)


def test_models_import_keras_and_no_other_package():
    for path in Path(models.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [getattr(node, "module", None) or alias.name for alias in node.names]
                roots = {module.split(".")[0] for module in modules}
                assert roots <= {*sys.stdlib_module_names, "keras", "models"}, path
