"""Outputs of BlazeFace become boxes and points as in MediaPipe's graphs."""

from __future__ import annotations

import numpy as np
import pytest

from facevoice.features.blazeface import (
    FULL_RANGE,
    SHORT_RANGE,
    Detections,
    anchors,
    decode,
    merge_overlapping,
    overlap,
)


def mediapipe_anchors(strides, input_px, per_layer):
    """Anchors by MediaPipe's loops: layers of equal stride share the cells of one grid."""
    found, layer = [], 0
    while layer < len(strides):
        same = [stride for stride in strides[layer:] if stride == strides[layer]]
        cells = input_px // strides[layer]
        for y in range(cells):
            for x in range(cells):
                for _ in range(per_layer * len(same)):
                    found.append(((x + 0.5) / cells, (y + 0.5) / cells))
        layer += len(same)
    return found


@pytest.mark.parametrize(
    ("model", "strides", "per_layer", "count"),
    [(SHORT_RANGE, [8, 16, 16, 16], 2, 896), (FULL_RANGE, [4], 1, 2304)],
)
def test_anchors_are_those_of_mediapipe(model, strides, per_layer, count):
    expected = mediapipe_anchors(strides, model.input_px, per_layer)
    assert len(expected) == count
    np.testing.assert_allclose(anchors(model), expected, atol=1e-7)


def test_values_are_pixels_relative_to_the_anchor():
    values = np.zeros((896, 16), np.float32)
    raw = np.full(896, -200, np.float32)
    raw[17] = 3
    values[17] = [6.4, -12.8, 32, 64, *np.arange(12)]
    found = decode(SHORT_RANGE, values, raw, 0.5)
    x, y = anchors(SHORT_RANGE)[17]
    np.testing.assert_allclose(found.boxes, [[x - 0.075, y - 0.35, x + 0.175, y + 0.15]], atol=1e-6)
    np.testing.assert_allclose(
        found.points[0], np.arange(12).reshape(6, 2) / 128 + [x, y], atol=1e-6
    )
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-3))], rtol=1e-6)


def test_extreme_scores_do_not_overflow():
    raw = np.full(2304, -3e38, np.float32)
    raw[5] = 3e38
    values = np.full((2304, 16), 1, np.float32)
    with np.errstate(over="raise", invalid="raise"):
        assert decode(FULL_RANGE, values, raw, 0.5).scores == [1]


def test_boxes_without_area_are_dropped():
    values = np.zeros((896, 16), np.float32)
    assert not len(decode(SHORT_RANGE, values, np.full(896, 9, np.float32), 0.5))


def detections(boxes, scores):
    points = np.repeat(np.array(boxes, np.float32)[:, None, :2], 6, axis=1)
    return Detections(np.array(boxes, np.float32), points, np.array(scores, np.float32))


def test_overlapping_detections_become_their_weighted_mean():
    found = merge_overlapping(
        detections([[0, 0, 10, 10], [50, 50, 60, 60], [2, 0, 12, 10]], [0.9, 0.8, 0.6])
    )
    np.testing.assert_allclose(found.boxes, [[0.8, 0, 10.8, 10], [50, 50, 60, 60]], rtol=1e-6)
    np.testing.assert_allclose(found.points[0], [[0.8, 0]] * 6, rtol=1e-6)
    np.testing.assert_allclose(found.scores, [0.9, 0.8])


def test_overlap_is_intersection_over_union():
    box = np.array([0, 0, 2, 2], np.float32)
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 3, 3], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(overlap(box, others), [1, 1 / 3, 0, 0])
