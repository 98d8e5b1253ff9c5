"""Opens exports with the programs that others open them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.export.errors import ExportError
from facevoice.export.formats import ONNX_ADVICE

Arrays = Mapping[str, NDArray[Any]]
Runner = Callable[[Arrays], Arrays]


def open_graph(format: str, path: Path) -> Runner:
    """Returns a function from the inputs of an exported graph to its outputs, by name.

    Raises:
      ExportError: a package is missing.
    """
    return {"savedmodel": _open_savedmodel, "tflite": _open_tflite, "onnx": _open_onnx}[format](
        path
    )


def check_packages(format: str) -> None:
    """Checks that the packages of a format are there, before anything is computed.

    Raises:
      ExportError: one is missing.
    """
    try:
        if format == "tflite":
            import ai_edge_litert.interpreter  # noqa: F401
        elif format == "onnx":
            import onnxruntime  # noqa: F401
            import tf2onnx  # noqa: F401
    except ImportError as error:
        advice = ONNX_ADVICE if format == "onnx" else "install it with pip install -e '.[faces]'"
        raise ExportError(f"--format {format} needs {error.name}; {advice}.") from None


def _open_savedmodel(path: Path) -> Runner:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]

    def run(inputs: Arrays) -> Arrays:
        _ = loaded  # its variables live as long as it does
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: np.asarray(value) for name, value in signature(**tensors).items()}

    return run


def _open_tflite(path: Path) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    from facevoice.features.native_output import without_native_stderr

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
