"""Reads the weights of dlib's face recognition ResNet from dlib's serialization format.

An integer is a byte with its length, in the lowest four bits, and its sign, in the highest, and
then its bytes, little-endian. A string is its length and its bytes. A tensor is a version (2), four
sizes, and raw float32. The format is that of `serialize` in dlib/serialize.h, dlib/cuda/gpu_data.h
and dlib/dnn/layers.h: http://dlib.net/ml.html#deserialize.

The file has the layers from the input to the output. Layers without weights are skipped: a weight
layer is found by its name and its version.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CONVOLUTIONS = 29
EMBEDDING_SIZE = 128
# Length and name, as serialized strings.
CONVOLUTION, AFFINE, DENSE = b"\x01\x05con_4", b"\x01\x07affine_", b"\x01\x04fc_2"


def read_resnet(content: bytes) -> dict[str, Floats]:
    """Returns the weights of the network, with each affine layer merged into its convolution.

    Args:
      content: of the file `dlib_face_recognition_resnet_model_v1.dat`.

    Returns:
      `convNN_kernel` [height, width, inputs, outputs] and `convNN_bias` [outputs], numbered from 1
      in the order of computation, and `dense_kernel` [inputs, 128].

    Raises:
      ValueError: the file has another format.
    """
    arrays = {}
    reader = _Reader(content)
    for number in range(1, CONVOLUTIONS + 1):
        reader.skip_to(CONVOLUTION)
        params = reader.tensor()
        outputs, height, width = (reader.integer() for _ in range(3))
        kernel = params[:-outputs].reshape(outputs, -1, height, width)
        reader.skip_to(AFFINE)
        scale, offset = reader.tensor().reshape(2, outputs)
        merged = (kernel * scale[:, None, None, None]).transpose(2, 3, 1, 0)
        arrays[f"conv{number:02}_kernel"] = np.ascontiguousarray(merged)
        arrays[f"conv{number:02}_bias"] = params[-outputs:] * scale + offset
    reader.skip_to(DENSE)
    for _ in range(2):  # outputs and inputs
        reader.integer()
    arrays["dense_kernel"] = reader.tensor().reshape(-1, EMBEDDING_SIZE)
    return arrays


class _Reader:
    """Reads values one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def skip_to(self, name: bytes) -> None:
        found = self._content.find(name, self._position)
        if found < 0:
            raise ValueError(f"there is no layer {name[2:].decode()} after byte {self._position}")
        self._position = found + len(name)

    def integer(self) -> int:
        head = self._take(1)[0]
        value = int.from_bytes(self._take(head & 0x0F), "little")
        return -value if head & 0x80 else value

    def tensor(self) -> Floats:
        """Returns a tensor as one row."""
        version, *sizes = (self.integer() for _ in range(5))
        if version != 2 or min(sizes) < 1:
            raise ValueError(f"a tensor has version {version} and the sizes {sizes}")
        return np.frombuffer(self._take(4 * math.prod(sizes)), "<f4")

    def _take(self, length: int) -> bytes:
        taken = self._content[self._position : self._position + length]
        if len(taken) < length:
            raise ValueError("the file ends early")
        self._position += length
        return taken
