"""dlib's residual network for face recognition: 128 numbers for a face.

It has 29 convolutions and was trained with a metric loss, such that faces of one person are less
than 0.6 apart (http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html). Here,
embeddings are L2-normalised afterwards, so that they are compared by their cosine.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.litert import AVERAGE_POOL, MAX_POOL, Graph, Model
from facevoice.features import FeatureSettings
from facevoice.weights import DLIB_RESNET, read_arrays

Floats = NDArray[np.float32]

SIZE = 150  # height and width of a face image, in pixels
# Means of RGB, and divisor: dlib's input_rgb_image_sized.
MEANS, DIVISOR = np.array([122.782, 117.001, 104.298], np.float32), np.float32(256)
# Stride of the first convolution of each residual block.
STRIDES = (1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 2, 1, 1, 2)
# The network was trained on dlib's face chips (150 pixels, padding 0.25), which are aligned by five
# other points. These are the mean places of BlazeFace's eyes and mouth in such chips, on 499 faces
# (docs/reference/encoders.md).
ALIGNED_POINTS = (0.323, 0.313, 0.677, 0.313, 0.5, 0.71)


class DlibResnet:
    """The encoder; see `facevoice.encoders.base.ImageEncoder`."""

    archive = DLIB_RESNET
    info = EncoderInfo("dlib_resnet", DLIB_RESNET.version, DLIB_RESNET.digest, 128, "image")
    features = FeatureSettings(
        image_size=SIZE, face_crop=1.0, face_detector="blazeface", aligned_points=ALIGNED_POINTS
    )

    def __init__(self) -> None:
        """Loads the weights.

        Raises:
          WeightsError: they are missing or damaged.
          EncoderError: LiteRT is missing.
        """
        self._model = build_model(read_arrays(DLIB_RESNET))

    def __call__(self, image: NDArray[np.uint8]) -> Floats:
        (embedding,) = self._model(((image - MEANS) / DIVISOR)[None])
        return embedding[0]


def build_model(weights: Mapping[str, Floats]) -> Model:
    """Returns the network for one face: float32 [1, SIZE, SIZE, 3] to [1, 128].

    A residual block that halves the image also doubles the channels, or keeps them. Its shortcut is
    averaged over 2 x 2 pixels; where block and shortcut differ in size, zeros fill up the smaller
    one (dlib's `add_prev`).
    """
    graph = Graph()
    numbers = iter(range(1, 2 * len(STRIDES) + 2))

    def convolution(x: int, stride: int, relu: bool) -> int:
        name = f"conv{next(numbers):02}"
        kernel, bias = weights[f"{name}_kernel"], weights[f"{name}_bias"]
        return graph.convolution(x, kernel, bias, stride, relu)

    faces = graph.input(1, SIZE, SIZE, 3)
    x = graph.pool(MAX_POOL, convolution(faces, 2, relu=True), 3, 2)
    for stride in STRIDES:
        block = convolution(convolution(x, stride, relu=True), 1, relu=False)
        shortcut = x if stride == 1 else graph.pool(AVERAGE_POOL, x, 2, 2)
        x = graph.add(*graph.pad_to_equal(block, shortcut), relu=True)
    return graph.build(graph.dense(graph.mean_of_image(x), weights["dense_kernel"]))
