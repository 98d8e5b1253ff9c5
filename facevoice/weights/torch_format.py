"""Reads the weights of the GE2E voice encoder from a checkpoint of PyTorch, without PyTorch.

The format is that of PyTorch before 1.6: five pickles (a magic number, a version, facts about the
machine, the checkpoint, the keys of its storages), and then each storage: its length, int64, and
its values. See `_legacy_load` in torch/serialization.py.

A pickle can call any function that its reader finds. This reader finds an ordered dictionary,
the rebuilding of a tensor, and the type of float32 storages, and nothing else.
"""

from __future__ import annotations

import io
import math
import pickle
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
LSTM_LAYERS = 3


def read_ge2e(content: bytes) -> dict[str, Floats]:
    """Returns the weights of the encoder, in the layout of Keras.

    Args:
      content: of Resemblyzer's file `pretrained.pt`.

    Returns:
      For each layer of the LSTM, from 1: `lstmN_kernel` [inputs, 4 * units],
      `lstmN_recurrent_kernel` [units, 4 * units] and `lstmN_bias` [4 * units], whose gates are
      input, forget, cell and output; and `dense_kernel` [inputs, outputs] and `dense_bias`.

    Raises:
      ValueError: the file has another format or other weights.
    """
    tensors = read_checkpoint(content)
    try:
        arrays = {
            "dense_kernel": tensors["linear.weight"].T,
            "dense_bias": tensors["linear.bias"],
        }
        for number in range(LSTM_LAYERS):
            kernel, recurrent, bias, other_bias = (
                tensors[f"lstm.{name}_l{number}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            arrays[f"lstm{number + 1}_kernel"] = kernel.T
            arrays[f"lstm{number + 1}_recurrent_kernel"] = recurrent.T
            arrays[f"lstm{number + 1}_bias"] = bias + other_bias
    except KeyError as error:
        raise ValueError(f"the checkpoint has no tensor {error}") from None
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def read_checkpoint(content: bytes) -> dict[str, Floats]:
    """Returns the float32 tensors of the `model_state` of a checkpoint, by name.

    Raises:
      ValueError: the file has another format, or its pickle asks for something else than tensors.
    """
    file = io.BytesIO(content)
    try:
        magic, version, _, checkpoint, keys = (_TensorUnpickler(file).load() for _ in range(5))
        if (magic, version) != (MAGIC_NUMBER, PROTOCOL_VERSION):
            raise ValueError("it is not a checkpoint of PyTorch")
        storages = {key: _read_storage(file) for key in keys}
        state: Mapping[str, object] = checkpoint["model_state"]
        return {
            name: tensor.array(storages)
            for name, tensor in state.items()
            if isinstance(tensor, _Tensor)
        }
    except ValueError:
        raise
    # Damaged pickles raise nearly any error.
    except Exception as error:
        raise ValueError(f"the checkpoint cannot be read ({error})") from error


@dataclass(frozen=True)
class _Tensor:
    """A tensor whose storage is not read yet: offset and sizes in values."""

    storage: str
    offset: int
    sizes: tuple[int, ...]

    def array(self, storages: Mapping[str, Floats]) -> Floats:
        length = math.prod(self.sizes)
        values = storages[self.storage][self.offset : self.offset + length]
        return values.reshape(self.sizes)


def _rebuild_tensor(
    storage: str, offset: int, sizes: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    """Stands for `torch._utils._rebuild_tensor_v2`; tensors are contiguous."""
    contiguous = tuple(math.prod(sizes[axis + 1 :]) for axis in range(len(sizes)))
    if strides != contiguous:
        raise ValueError(f"a tensor of {sizes} has the strides {strides}")
    return _Tensor(storage, offset, sizes)


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "FloatStorage",
}


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors, and refuses every other class and function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise ValueError(f"its pickle asks for {module}.{name}, which is not a tensor")
        return _ALLOWED[module, name]

    def persistent_load(self, saved: Any) -> str:
        kind, storage_type, key, _, _, view = saved
        if (kind, storage_type, view) != ("storage", "FloatStorage", None):
            raise ValueError(f"its pickle has a storage of {storage_type}")
        return str(key)


def _read_storage(file: io.BytesIO) -> Floats:
    length = int.from_bytes(file.read(8), "little")
    values = file.read(4 * min(length, sys.maxsize // 4))
    if len(values) != 4 * length:
        raise ValueError("the checkpoint ends early")
    return np.frombuffer(values, "<f4")
