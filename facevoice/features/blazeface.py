"""Decodes the output of the BlazeFace face detectors. Pure NumPy; `face_detection` runs the models.

The constants are options of MediaPipe's graphs, which the models were trained for:
https://github.com/google-ai-edge/mediapipe/tree/v0.10.14/mediapipe/modules/face_detection, files
face_detection_short_range.pbtxt and face_detection_full_range.pbtxt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tfdata.schema import POINT_NAMES

Floats = NDArray[np.float32]

SCORE_CLIP = 100.0  # `score_clipping_thresh`, of raw scores
SUPPRESSION_OVERLAP = 0.3  # `min_suppression_threshold`, intersection over union


@dataclass(frozen=True)
class Model:
    """A BlazeFace detector.

    Attributes:
      weights: file name of the weights.
      input_px: height and width of the input.
      grids: (cells along each side, anchors in each cell) of each grid of anchors.
    """

    weights: str
    input_px: int
    grids: tuple[tuple[int, int], ...]


# Strides 8, 16, 16 and 16 of 128 pixels. Each stride has two anchors in a cell
# (`interpolated_scale_aspect_ratio` 1), and equal strides share their cells.
SHORT_RANGE = Model("face_detection_short_range.tflite", 128, ((16, 2), (8, 6)))
# Stride 4 of 192 pixels, one anchor in a cell (`interpolated_scale_aspect_ratio` 0).
FULL_RANGE = Model("face_detection_full_range_sparse.tflite", 192, ((48, 1),))


@dataclass(frozen=True, eq=False)
class Detections:
    """Faces, the highest score first.

    Attributes:
      boxes: [faces, 4], left, top, right, bottom.
      points: [faces, 6, 2], x and y of POINT_NAMES.
      scores: [faces], 0 to 1.
    """

    boxes: Floats
    points: Floats
    scores: Floats

    def scaled(self, x: float, y: float) -> Detections:
        """Returns the detections with their coordinates multiplied."""
        factors = np.array([x, y], np.float32)
        return Detections(self.boxes * np.tile(factors, 2), self.points * factors, self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        """Returns the faces of several detections, in their order."""
        none = Detections(
            np.zeros((0, 4), np.float32),
            np.zeros((0, len(POINT_NAMES), 2), np.float32),
            np.zeros(0, np.float32),
        )
        parts = [none, *parts]
        return Detections(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def __getitem__(self, chosen: slice | list[int] | NDArray[np.intp]) -> Detections:
        return Detections(self.boxes[chosen], self.points[chosen], self.scores[chosen])


@cache
def anchors(model: Model) -> Floats:
    """Returns the anchors [anchors, 2], x and y from 0 to 1: the centres of cells, row by row.

    As MediaPipe's SsdAnchorsCalculator with `anchor_offset_x` and `anchor_offset_y` 0.5. All
    anchors have the size 1 (`fixed_anchor_size`), so they are points.
    """
    found = []
    for cells, per_cell in model.grids:
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        found.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(found).astype(np.float32)


def decode(model: Model, values: Floats, raw_scores: Floats, min_score: float) -> Detections:
    """Decodes the output of a model, as MediaPipe's TensorsToDetectionsCalculator.

    Args:
      model: the model.
      values: [anchors, 16]: centre, size and six points, in pixels of the input relative to the
        anchor (`x_scale`, `y_scale`, `w_scale` and `h_scale` are `input_px`).
      raw_scores: [anchors], logits.
      min_score: score below which a detection is dropped.

    Returns:
      Overlapping detections, in fractions of the input.
    """
    clipped = np.clip(raw_scores.astype(np.float64), -SCORE_CLIP, SCORE_CLIP)
    scores = (1 / (1 + np.exp(-clipped))).astype(np.float32)
    pairs = values.reshape(-1, 8, 2) / np.float32(model.input_px)
    centres, sizes = pairs[:, 0] + anchors(model), pairs[:, 1]
    chosen = np.flatnonzero((scores >= min_score) & (sizes > 0).all(axis=1))
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    points = pairs[:, 2:] + anchors(model)[:, None]
    return Detections(boxes, points, scores)[chosen]


def merge_overlapping(found: Detections) -> Detections:
    """Merges the detections of each face, by weighted non-maximum suppression.

    As MediaPipe's NonMaxSuppressionCalculator with `algorithm: WEIGHTED`: the detection with the
    highest score and those that overlap it by more than SUPPRESSION_OVERLAP become their mean,
    weighted by the scores, with the highest score.
    """
    faces = []
    while len(found):
        same = overlap(found.boxes[0], found.boxes) > SUPPRESSION_OVERLAP
        same[0] = True
        weights = found.scores[same] / found.scores[same].sum()
        boxes, points = (
            np.tensordot(weights, values[same], 1)[None] for values in (found.boxes, found.points)
        )
        faces.append(Detections(boxes, points, found.scores[:1]))
        found = found[np.flatnonzero(~same)]
    return Detections.concatenate(faces)


def overlap(box: Floats, boxes: Floats) -> Floats:
    """Returns the intersection over union of a box with each of some boxes."""
    corners = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(corners, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + areas - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
