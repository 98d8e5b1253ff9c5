"""Opens an export in a process that cannot import this project, and prints its probabilities.

Arguments: the directory of the export, and a .npz file with the inputs, files as uint8, and
optionally the name of a signature.
"""

import json
import sys
from pathlib import Path


class Forbidden:
    """Refuses the packages of this project."""

    def find_spec(self, name, *_):
        if name.split(".")[0] in {"beam_pipelines", "facevoice", "models", "tfdata", "tests"}:
            raise ImportError(f"{name} is of the project")


sys.meta_path.insert(0, Forbidden())

import numpy as np  # noqa: E402

folder, inputs = Path(sys.argv[1]), dict(np.load(sys.argv[2]))
description = json.loads((folder / "export.json").read_text())
graph = folder / description["files"]["graph"]
signature = sys.argv[3] if len(sys.argv) > 3 else "serving_default"
specs = description["signatures"][signature]["inputs"]
assert inputs.keys() == specs.keys()
if description["kind"] == "tflite":
    from ai_edge_litert.interpreter import Interpreter

    outputs = Interpreter(str(graph)).get_signature_runner()(**inputs)
elif description["kind"] == "onnx":
    import onnxruntime

    session = onnxruntime.InferenceSession(str(graph))
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, inputs), strict=True))
elif description["kind"] == "keras":
    import keras

    outputs = keras.models.load_model(graph)(inputs)
else:
    import tensorflow as tf

    types = {name: spec["dtype"] for name, spec in specs.items()}
    tensors = {
        name: tf.constant(x.tobytes() if types[name] == "string" else x)
        for name, x in inputs.items()
    }
    outputs = tf.saved_model.load(str(graph)).signatures[signature](**tensors)
assert outputs.keys() == description["outputs"].keys()
for name, output in outputs.items():
    output, said = np.asarray(output), description["outputs"][name]
    assert str(output.dtype) == said["dtype"], name
    assert all(size in (-1, found) for size, found in zip(said["shape"], output.shape, strict=True))
print(json.dumps(np.asarray(outputs["probabilities"]).tolist()))
