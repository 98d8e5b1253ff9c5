"""Weights are read from the formats of dlib and PyTorch without these, and nothing is executed."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from facevoice.weights import array_file, dlib_format, torch_format
from facevoice.weights.dlib_format import read_resnet
from facevoice.weights.torch_format import read_checkpoint, read_ge2e

RANDOM = np.random.default_rng(0)


def integer(value):
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def tensor(values):
    sizes = b"".join(map(integer, (2, len(values), 1, 1, 1)))
    return sizes + np.asarray(values, "<f4").tobytes()


def small_resnet(convolutions):
    """A network as dlib stores it: (kernel [outputs, inputs, h, w], bias, scale, offset) each."""
    parts = [b"\x01\x01", b"\x01\x0dloss_metric_2"]
    for kernel, bias, scale, offset in convolutions:
        parts += [b"\x01\x05con_4", tensor([*kernel.ravel(), *bias])]
        parts += map(integer, (kernel.shape[0], *kernel.shape[2:], 1, 1, -1))
        parts += [b"\x01\x07affine_", tensor([*scale, *offset]), b"\x01\x05relu_"]
    dense = RANDOM.normal(size=(2, 128)).astype(np.float32)
    parts += [b"\x01\x04fc_2", integer(128), integer(2), tensor(dense.ravel())]
    return b"".join(parts), dense


def test_dlibs_convolutions_and_affine_layers_become_one():
    layers = [
        tuple(
            RANDOM.normal(size=size).astype(np.float32) for size in ((2, 3, 3, 5), (2,), (2,), (2,))
        )
        for _ in range(dlib_format.CONVOLUTIONS)
    ]
    content, dense = small_resnet(layers)
    arrays = read_resnet(content)
    assert len(arrays) == 2 * dlib_format.CONVOLUTIONS + 1
    np.testing.assert_array_equal(arrays["dense_kernel"], dense)
    kernel, bias, scale, offset = layers[28]
    patch = RANDOM.normal(size=(3, 5, 3))  # height, width, inputs
    convolved = np.einsum("hwi,oihw->o", patch, kernel) + bias
    merged = np.einsum("hwi,hwio->o", patch, arrays["conv29_kernel"]) + arrays["conv29_bias"]
    np.testing.assert_allclose(merged, convolved * scale + offset, rtol=1e-5)


@pytest.mark.parametrize("length", [0, 40, 400])
def test_a_shortened_file_of_dlib_is_an_error(length):
    layer = tuple(np.ones(size, np.float32) for size in ((2, 3, 3, 3), (2,), (2,), (2,)))
    content, _ = small_resnet([layer] * dlib_format.CONVOLUTIONS)
    with pytest.raises(ValueError, match=r"ends early|there is no layer"):
        read_resnet(content[:length])


def checkpoint(monkeypatch, state, extra=None):
    """A file as `torch.save` wrote it before PyTorch 1.6, without PyTorch."""

    def rebuild(*arguments):
        raise AssertionError("the pickle called a function")

    class FloatStorage:
        pass

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    rebuild.__name__, FloatStorage.__module__ = "_rebuild_tensor_v2", "torch"
    FloatStorage.__qualname__ = "FloatStorage"
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Storage:
        def __init__(self, values):
            self.values = values

    class Tensor:
        def __init__(self, values):
            self.storage, self.shape = Storage(values.ravel()), values.shape

        def __reduce__(self):
            strides = tuple(int(np.prod(self.shape[i + 1 :])) for i in range(len(self.shape)))
            return rebuild, (self.storage, 0, self.shape, strides, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            storages.append(value)
            key = str(len(storages))
            return "storage", FloatStorage, key, "cpu", len(value.values), None

    storages = []
    file = io.BytesIO()
    for header in (torch_format.MAGIC_NUMBER, torch_format.PROTOCOL_VERSION, {}):
        pickle.dump(header, file, 2)
    tensors = OrderedDict((name, Tensor(values)) for name, values in state.items())
    Pickler(file, 2).dump({"step": 3, "model_state": tensors} | (extra or {}))
    pickle.dump([str(1 + i) for i in range(len(storages))], file, 2)
    for storage in storages:
        file.write(struct.pack("<q", len(storage.values)) + storage.values.tobytes())
    monkeypatch.undo()
    return file.getvalue()


def ge2e_state():
    state = {"linear.weight": (5, 3), "linear.bias": (5,), "similarity_weight": (1,)}
    for layer in range(3):
        state |= {f"lstm.weight_{kind}_l{layer}": (12, 3) for kind in ("ih", "hh")}
        state |= {f"lstm.bias_{kind}_l{layer}": (12,) for kind in ("ih", "hh")}
    return {name: RANDOM.normal(size=size).astype("<f4") for name, size in state.items()}


def test_tensors_of_a_checkpoint_are_read_without_pytorch(monkeypatch):
    state = ge2e_state()
    content = checkpoint(monkeypatch, state)
    assert "torch" not in sys.modules
    found = read_checkpoint(content)
    assert found.keys() == state.keys()
    for name, values in state.items():
        np.testing.assert_array_equal(found[name], values)
    arrays = read_ge2e(content)
    np.testing.assert_array_equal(arrays["lstm2_kernel"], state["lstm.weight_ih_l1"].T)
    np.testing.assert_array_equal(
        arrays["lstm3_bias"], state["lstm.bias_ih_l2"] + state["lstm.bias_hh_l2"]
    )


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["header", "checkpoint", "keys"])
def test_a_pickle_executes_nothing(monkeypatch, tmp_path, place):
    target = tmp_path / "made by a pickle"
    evil = pickle.dumps(Malicious(target), 2)
    if place == "header":
        content = evil
    elif place == "checkpoint":
        content = checkpoint(monkeypatch, {}, {"optimizer": Malicious(target)})
    else:
        content = checkpoint(monkeypatch, {}).removesuffix(pickle.dumps([], 2)) + evil
    with pytest.raises(ValueError, match=r"asks for posix\.mkdir, which is not a tensor"):
        read_ge2e(content)
    assert not target.exists()


def test_damaged_checkpoints_are_errors(monkeypatch):
    content = checkpoint(monkeypatch, ge2e_state())
    for length in (0, 10, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(ValueError, match="checkpoint"):
            read_ge2e(content[:length])
    with pytest.raises(ValueError, match=r"no tensor 'linear\.weight'"):
        read_ge2e(checkpoint(monkeypatch, {}))


def test_files_of_arrays_have_equal_bytes_and_are_npz():
    arrays = {"b": np.ones((2, 3), np.float32), "a": np.arange(3, dtype=np.float32)}
    content = array_file.write_arrays(arrays)
    assert content == array_file.write_arrays(dict(reversed(arrays.items())))
    with np.load(io.BytesIO(content)) as loaded:
        assert set(loaded.files) == {"a", "b"}
    for name, array in array_file.parse_arrays(content).items():
        np.testing.assert_array_equal(array, arrays[name])
