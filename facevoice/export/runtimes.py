"""Opens exports with the programs that others open them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facevoice.evaluation.traced_model import traced
from facevoice.export.errors import ExportError
from facevoice.export.serving_graph import FACE, MODEL_INPUTS, PROBABILITIES, SAMPLES, WINDOWS
from facevoice.features.native_output import without_native_stderr
from tfdata.schema import IMAGE

Arrays = Mapping[str, NDArray[Any]]
Runner = Callable[[Arrays], Arrays]


def open_graph(kind: str, path: Path) -> Runner:
    """Returns a function from the inputs of an exported graph to its outputs, by name.

    Raises:
      ExportError: a package is missing.
    """
    openers = {
        "savedmodel": _open_savedmodel,
        "tflite": _open_tflite,
        "onnx": _open_onnx,
        "keras": _open_keras,
    }
    return openers[kind](path)


def check_packages(kind: str) -> None:
    """Checks that the packages of a format are there, before anything is computed.

    Raises:
      ExportError: one is missing.
    """
    try:
        if kind == "tflite":
            import ai_edge_litert.interpreter  # noqa: F401
        elif kind == "onnx":
            import onnxruntime  # noqa: F401
            import tf2onnx  # noqa: F401
    except ImportError as error:
        extra = "onnx" if kind == "onnx" else "faces"
        raise ExportError(
            f"--format {kind} needs {error.name}; install it with pip install -e '.[{extra}]'."
        ) from None


def _open_savedmodel(path: Path) -> Runner:
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]

    def run(inputs: Arrays) -> Arrays:
        _ = loaded  # its variables live as long as it does
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: np.asarray(value) for name, value in signature(**tensors).items()}

    return run


def _open_tflite(path: Path) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    with without_native_stderr():
        runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()

    def run(inputs: Arrays) -> Arrays:
        with without_native_stderr():
            return runner(**inputs)

    return run


def _open_onnx(path: Path) -> Runner:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def _open_keras(path: Path) -> Runner:
    """Returns a function that takes a face and a clip of whole windows, as other graphs do."""
    model = keras.models.load_model(path, safe_mode=True)
    inputs_of = {each.name: each for each in model.inputs}
    outputs_of = traced(model, inputs_of)

    def run(inputs: Arrays) -> Arrays:
        batch, count = {}, 1
        if WINDOWS in inputs_of:
            batch[WINDOWS] = inputs[SAMPLES].reshape(-1, inputs_of[WINDOWS].shape[1])
            count = len(batch[WINDOWS])
        if FACE in inputs_of:
            batch[FACE] = np.broadcast_to(inputs[FACE], (count, *inputs[FACE].shape))
        outputs = {name: np.asarray(value) for name, value in outputs_of(batch).items()}
        faces = {MODEL_INPUTS[IMAGE]: inputs[FACE]} if FACE in inputs_of else {}
        return {**outputs, **faces, PROBABILITIES: outputs[PROBABILITIES].mean(axis=0)}

    return run
