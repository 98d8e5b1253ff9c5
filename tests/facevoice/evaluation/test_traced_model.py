"""Tests of models as functions that are traced once."""

from __future__ import annotations

import keras
import numpy as np

from facevoice.evaluation.traced_model import traced


def test_a_model_is_traced_once_for_batches_of_all_sizes():
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, x):
            calls.append(x.shape)
            return x + 1

    inputs = {name: keras.Input((2,), dtype="float32", name=name) for name in ("a", "b")}
    outputs = Counted()(inputs["a"]), keras.layers.Dropout(0.5)(inputs["b"])
    model = keras.Model(inputs, list(outputs))
    calls.clear()
    outputs_of = traced(model, {name: np.zeros((4, 2), np.float32) for name in inputs})
    for size in (4, 3, 1, 4):
        batch = {name: np.full((size, 2), size, np.float32) for name in inputs}
        a, b = outputs_of(batch)
        np.testing.assert_array_equal(a, batch["a"] + 1)
        np.testing.assert_array_equal(b, batch["b"])  # no dropout
    assert calls == [(None, 2)]
