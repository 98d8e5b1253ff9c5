"""Builds models of LiteRT from arrays, and runs them in one thread.

A model is built in memory, as a FlatBuffer of LiteRT's schema, so neither a converter nor
TensorFlow is needed. The numbers below are those of the schema:
https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderError
from facevoice.features.native_output import without_native_stderr

Floats = NDArray[np.float32]
Shape = tuple[int, ...]

# BuiltinOperator
ADD, AVERAGE_POOL, CONVOLUTION, DENSE, LOGISTIC = 0, 1, 3, 9, 14
MAX_POOL, MULTIPLY, TANH, PAD, MEAN, SPLIT = 17, 18, 28, 34, 40, 49
# BuiltinOptions: type of the options of each operator that has some.
OPTIONS = {
    ADD: 11,
    AVERAGE_POOL: 5,
    CONVOLUTION: 1,
    DENSE: 8,
    MAX_POOL: 5,
    MULTIPLY: 21,
    PAD: 22,
    MEAN: 27,
    SPLIT: 35,
}
TENSOR_TYPES = {np.dtype(np.float32): 0, np.dtype(np.int32): 2}
SAME, VALID = 0, 1  # Padding
NONE, RELU = 0, 1  # ActivationFunctionType
SCHEMA_VERSION = 3
BUFFER_ALIGNMENT = 16


class Model:
    """A model that was built by `Graph`. It may be used by one thread at a time."""

    def __init__(self, content: bytes) -> None:
        """Loads a model.

        Raises:
          EncoderError: LiteRT is not installed.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise EncoderError(
                "Encoders need ai-edge-litert; install it with pip install -e '.[encoders]' "
                "(or 'make setup')."
            ) from None
        with without_native_stderr():
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        self._inputs, self._outputs = (
            [tensor["index"] for tensor in tensors]
            for tensors in (
                self._interpreter.get_input_details(),
                self._interpreter.get_output_details(),
            )
        )

    def __call__(self, *inputs: Floats) -> list[Floats]:
        """Returns the outputs for inputs of the graph's shapes."""
        for index, array in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


class Graph:
    """A graph of operators on tensors, which are numbered. Images are [1, height, width, channels].

    Weights have the layouts of Keras.
    """

    def __init__(self) -> None:
        self._shapes: list[Shape] = []
        self._constants: dict[int, NDArray[Any]] = {}
        self._inputs: list[int] = []
        self._operators: list[tuple[int, list[int], list[int], list[tuple[str, int]]]] = []

    def input(self, *shape: int) -> int:
        self._inputs.append(self._tensor(shape))
        return self._inputs[-1]

    def convolution(self, x: int, kernel: Floats, bias: Floats, stride: int, relu: bool) -> int:
        """Applies a convolution: with zero padding ('same') at stride 1, else without ('valid')."""
        size, outputs = kernel.shape[0], kernel.shape[3]
        side = self._shapes[x][1] if stride == 1 else (self._shapes[x][1] - size) // stride + 1
        inputs = [x, self._constant(kernel.transpose(3, 0, 1, 2)), self._constant(bias)]
        padding = SAME if stride == 1 else VALID
        options = [("Int8", padding), ("Int32", stride), ("Int32", stride)]
        options += [("Int8", RELU if relu else NONE), ("Int32", 1), ("Int32", 1)]  # no dilation
        return self._apply(CONVOLUTION, inputs, (1, side, side, outputs), options)

    def pool(self, operator: int, x: int, size: int, stride: int) -> int:
        """Applies MAX_POOL or AVERAGE_POOL, without padding."""
        _, before, _, channels = self._shapes[x]
        side = (before - size) // stride + 1
        options = [("Int8", VALID), *[("Int32", value) for value in (stride, stride, size, size)]]
        return self._apply(operator, [x], (1, side, side, channels), [*options, ("Int8", NONE)])

    def pad_to_equal(self, x: int, y: int) -> tuple[int, int]:
        """Adds zeros at the ends of those axes that are shorter than in the other tensor."""
        shape = np.maximum(self._shapes[x], self._shapes[y])
        return self._pad(x, shape - self._shapes[x]), self._pad(y, shape - self._shapes[y])

    def add(self, x: int, y: int, relu: bool = False) -> int:
        options = [("Int8", RELU if relu else NONE)]
        return self._apply(ADD, [x, y], self._shapes[x], options)

    def multiply(self, x: int, y: int) -> int:
        return self._apply(MULTIPLY, [x, y], self._shapes[x], [("Int8", NONE)])

    def mean_of_image(self, x: int) -> int:
        """Returns the mean over height and width, [1, channels]."""
        axes = self._constant(np.array([1, 2], np.int32))
        return self._apply(MEAN, [x, axes], (1, self._shapes[x][3]), [("Bool", 0)])

    def dense(self, x: int, kernel: Floats, bias: Floats | None = None, relu: bool = False) -> int:
        rows, outputs = self._shapes[x][0], kernel.shape[1]
        bias = np.zeros(outputs, np.float32) if bias is None else bias
        inputs = [x, self._constant(kernel.T), self._constant(bias)]
        return self._apply(DENSE, inputs, (rows, outputs), [("Int8", RELU if relu else NONE)])

    def logistic(self, x: int) -> int:
        return self._apply(LOGISTIC, [x], self._shapes[x], [])

    def tanh(self, x: int) -> int:
        return self._apply(TANH, [x], self._shapes[x], [])

    def split(self, x: int, parts: int) -> list[int]:
        """Splits [rows, columns] into parts with equal numbers of columns."""
        axis = self._constant(np.array(1, np.int32))
        rows, columns = self._shapes[x]
        found = [self._tensor((rows, columns // parts)) for _ in range(parts)]
        self._operators.append((SPLIT, [axis, x], found, [("Int32", parts)]))
        return found

    def build(self, *outputs: int) -> Model:
        """Returns the model from the graph's inputs to these outputs."""
        return Model(self._serialize(outputs))

    def _pad(self, x: int, after: NDArray[np.intp]) -> int:
        if not after.any():
            return x
        sizes = self._constant(np.stack([np.zeros_like(after), after], axis=1).astype(np.int32))
        shape = tuple((after + self._shapes[x]).tolist())
        return self._apply(PAD, [x, sizes], shape, [])

    def _tensor(self, shape: Shape) -> int:
        self._shapes.append(shape)
        return len(self._shapes) - 1

    def _constant(self, array: NDArray[Any]) -> int:
        number = self._tensor(array.shape)
        self._constants[number] = np.ascontiguousarray(array)
        return number

    def _apply(
        self, operator: int, inputs: list[int], shape: Shape, options: list[tuple[str, int]]
    ) -> int:
        output = self._tensor(shape)
        self._operators.append((operator, inputs, [output], options))
        return output

    def _serialize(self, outputs: Sequence[int]) -> bytes:
        flat = _FlatBuffer()
        # Buffer 0 is that of tensors without content.
        buffers, tensors = [flat.table({})], []
        for number, shape in enumerate(self._shapes):
            array = self._constants.get(number)
            buffer = 0
            if array is not None:
                buffer = len(buffers)
                buffers.append(flat.table({0: ("Offset", flat.content(array))}))
            kind = TENSOR_TYPES[np.dtype(np.float32) if array is None else array.dtype]
            fields = {0: ("Offset", flat.integers(shape)), 1: ("Int8", kind)}
            fields |= {2: ("Uint32", buffer), 3: ("Offset", flat.text(str(number)))}
            tensors.append(flat.table(fields))
        kinds = sorted({operator for operator, *_ in self._operators})
        operators = []
        for operator, inputs, results, options in self._operators:
            fields = {0: ("Uint32", kinds.index(operator))}
            fields |= {1: ("Offset", flat.integers(inputs)), 2: ("Offset", flat.integers(results))}
            if operator in OPTIONS:
                table = flat.table(dict(enumerate(options)))
                fields |= {3: ("Uint8", OPTIONS[operator]), 4: ("Offset", table)}
            operators.append(flat.table(fields))
        codes = [
            flat.table({0: ("Int8", kind), 2: ("Int32", 1), 3: ("Int32", kind)}) for kind in kinds
        ]
        subgraph = flat.table(
            {
                0: ("Offset", flat.tables(tensors)),
                1: ("Offset", flat.integers(self._inputs)),
                2: ("Offset", flat.integers(outputs)),
                3: ("Offset", flat.tables(operators)),
            }
        )
        return flat.finish(
            flat.table(
                {
                    0: ("Uint32", SCHEMA_VERSION),
                    1: ("Offset", flat.tables(codes)),
                    2: ("Offset", flat.tables([subgraph])),
                    4: ("Offset", flat.tables(buffers)),
                }
            )
        )


class _FlatBuffer:
    """Writes tables and vectors; each is written before what refers to it by its offset."""

    def __init__(self) -> None:
        import flatbuffers  # of the same extra as LiteRT

        self._builder = flatbuffers.Builder(1 << 16)
        self._builder.ForceDefaults(True)

    def table(self, fields: dict[int, tuple[str, int]]) -> int:
        """Writes a table from field number to type and value."""
        self._builder.StartObject(max(fields, default=-1) + 1)
        for number, (kind, value) in fields.items():
            if kind == "Offset":
                self._builder.PrependUOffsetTRelativeSlot(number, value, 0)
            else:
                getattr(self._builder, f"Prepend{kind}Slot")(number, value, 0)
        return int(self._builder.EndObject())

    def tables(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def integers(self, values: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.int32)))

    def content(self, array: NDArray[Any]) -> int:
        content = array.tobytes()
        self._builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
        self._builder.head -= len(content)
        head = self._builder.head
        self._builder.Bytes[head : head + len(content)] = content
        return int(self._builder.EndVector())

    def text(self, value: str) -> int:
        return int(self._builder.CreateString(value))

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, file_identifier=b"TFL3")
        return bytes(self._builder.Output())
