"""Writes the graph of an export in each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from facevoice.export import encoded_media
from facevoice.export.errors import ExportError
from facevoice.export.keras_graph import keras_graph
from facevoice.export.network import portable_network
from facevoice.export.serving_graph import FACE, SAMPLES, WINDOWS, input_specs, query_graph
from facevoice.features import FeatureSettings
from facevoice.features.native_output import without_native_stderr
from tfdata.schema import IMAGE

# Format to the name of its file, or directory.
FILES = {
    "savedmodel": "saved_model",
    "tflite": "model.tflite",
    "onnx": "model.onnx",
    "keras": "model.keras",
}
IMAGE_BYTES, WAV_BYTES = "image_bytes", "wav_bytes"
ARRAYS, ENCODED = "serving_default", "encoded"  # signatures of a SavedModel
ONNX_OPSET = 17


def write_graph(
    kind: str, path: Path, network: keras.Model, modality: str, settings: FeatureSettings
) -> None:
    """Writes the graph from media to probabilities.

    Args:
      kind: a key of FILES.
      path: of the file or directory, which does not exist.
      network: of the run, from uint8 inputs to probabilities.
      modality: 'image', 'audio' or 'pair'.
      settings: of the dataset.

    Raises:
      ExportError: the format cannot hold the model.
    """
    if kind == "keras":
        keras_graph(network, modality, settings).save(path)
        return
    network = portable_network(network, unroll=kind != "savedmodel")
    specs = input_specs(modality, settings)
    if kind == "savedmodel":
        _write_savedmodel(path, network, modality, settings)
    else:
        query = query_graph(frozen(network), modality, settings, use_fft=kind != "onnx")
        write_function(kind, path, query, specs)


def write_function(
    kind: str,
    path: Path,
    function: Callable[..., Mapping[str, tf.Tensor]],
    specs: Mapping[str, tf.TensorSpec],
) -> None:
    """Writes a function without variables as a file of LiteRT or ONNX.

    Args:
      kind: 'tflite' or 'onnx'.
      path: of the file.
      function: from tensors by name to tensors by name.
      specs: inputs by name.

    Raises:
      ExportError: an operation of the function is not in the format.
    """
    content = (_tflite if kind == "tflite" else _onnx)(function, specs)
    path.write_bytes(content)


def _write_savedmodel(
    path: Path, network: keras.Model, modality: str, settings: FeatureSettings
) -> None:
    query = query_graph(network, modality, settings)
    module = tf.Module()
    module.network = network  # so that its variables are saved
    specs = input_specs(modality, settings)
    signatures = {ARRAYS: tf.function(query).get_concrete_function(**specs)}
    if encoded := encoded_specs(specs):

        def of_files(**given: tf.Tensor) -> Mapping[str, tf.Tensor]:
            inputs = {name: given[name] for name in specs if name in given}
            if IMAGE_BYTES in given:
                inputs[IMAGE] = encoded_media.decode_image(given[IMAGE_BYTES])
            if WAV_BYTES in given:
                inputs[SAMPLES] = encoded_media.decode_wav(given[WAV_BYTES], settings)
            return query(**inputs)

        signatures[ENCODED] = tf.function(of_files).get_concrete_function(**encoded)
    tf.saved_model.save(module, str(path), signatures)


def signatures_of(
    kind: str, modality: str, settings: FeatureSettings
) -> dict[str, dict[str, tf.TensorSpec]]:
    """Returns the inputs of each signature of a graph, by name; ARRAYS is the first.

    Args:
      kind: a key of FILES.
      modality: 'image', 'audio' or 'pair'.
      settings: of the dataset.
    """
    if kind == "keras":
        inputs = {
            FACE: tf.TensorSpec([None, *settings.image_shape], tf.uint8),
            WINDOWS: tf.TensorSpec([None, settings.window_samples], tf.float32),
        }
        without = {"image": WINDOWS, "audio": FACE, "pair": None}[modality]
        return {ARRAYS: {name: spec for name, spec in inputs.items() if name != without}}
    found = {ARRAYS: input_specs(modality, settings)}
    if kind == "savedmodel" and (encoded := encoded_specs(found[ARRAYS])):
        found[ENCODED] = encoded
    return found


def encoded_specs(specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """Returns the inputs of a SavedModel's signature `encoded`; empty if it has none.

    An aligned face is an array there, too, as no file holds it.

    Args:
      specs: of `input_specs`.
    """
    files = {IMAGE: IMAGE_BYTES, SAMPLES: WAV_BYTES}
    if set(specs) == {FACE}:
        return {}
    return {
        files.get(name, name): tf.TensorSpec([], tf.string, files[name]) if name in files else spec
        for name, spec in specs.items()
    }


def frozen(network: keras.Model) -> Any:
    """Returns a model as a function with constants in place of its variables."""
    trainable, others = (
        [variable.numpy() for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    )

    def call(inputs: Any, training: bool) -> Any:
        # Made within the graph: a converter would take constants from outside for inputs.
        constants = ([tf.constant(value) for value in values] for values in (trainable, others))
        return network.stateless_call(*constants, inputs, training=training)[0]

    return call


def _tflite(
    function: Callable[..., Mapping[str, tf.Tensor]], specs: Mapping[str, tf.TensorSpec]
) -> bytes:
    """Returns a model with LiteRT's built-in operations only."""
    module = tf.Module()
    concrete = tf.function(function).get_concrete_function(**specs)
    module.function = concrete
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    try:
        with without_native_stderr():
            return bytes(converter.convert())
    except Exception as error:  # ConverterError and others
        reason = (str(error).splitlines() or [""])[0]
        raise ExportError(
            f"LiteRT's built-in operations cannot hold this model ({reason}); use --format "
            f"savedmodel or onnx."
        ) from None


def _onnx(
    function: Callable[..., Mapping[str, tf.Tensor]], specs: Mapping[str, tf.TensorSpec]
) -> bytes:
    """Returns a model with ONNX's own operations only."""
    import tf2onnx  # of an extra; `runtimes.check_packages` says if it is missing

    def of_list(*values: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return function(**dict(zip(specs, values, strict=True)))

    model, _ = tf2onnx.convert.from_function(
        tf.function(of_list), input_signature=list(specs.values()), opset=ONNX_OPSET
    )
    return bytes(model.SerializeToString())
