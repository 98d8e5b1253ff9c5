"""Detects faces in pictures, with their eyes, nose, mouth and ears.

The models are those of `blazeface`; LiteRT runs them (the extra `[faces]`) in one thread. A face is
searched in up to three passes, each where the one before finds nothing: the short-range model on
the whole picture, both models on the whole picture, and the full-range model on overlapping tiles.
Faces that are small or uncertain are looked at again in a close-up, which also makes their points
more accurate. Faces of the second and the third pass must also convince in several close-ups of
different size: the mean of scores varies much less than one score, so it tells faces from other
things where a single score does not.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from facevoice.features import blazeface
from facevoice.features.blazeface import (
    FULL_RANGE,
    SHORT_RANGE,
    Detections,
    Floats,
    Model,
    decode,
    merge_overlapping,
)
from facevoice.features.native_output import without_native_stderr
from facevoice.weights import BLAZEFACE, read_weights
from tfdata.errors import FaceVoiceError

# Raise it when the same picture gives other faces. Rebuilds then write the shards of datasets with
# a face detector or a face encoder again.
SEARCH_REVISION = 2
# Scores from 0 to 1; docs/explanation/preprocessing.md shows what other thresholds find.
MIN_SCORE = 0.5  # of a face
CERTAIN_SCORE = 0.75  # of the short-range model, for a face that the full-range model need not find
CANDIDATE_SCORE = 0.3  # of the full-range model, for what both models look at in close-ups
MIN_MEAN_SCORE = 0.65  # weighted mean over CLOSE_UPS, for a face of the second and the third pass
MIN_UNCERTAIN_SCORE = 0.5  # the same, for an uncertain face of the first pass
# A face whose box is a smaller fraction of the longer side is looked at again in a close-up.
SMALL_FACE = 0.3
CLOSE_UP = 2.0  # side of a close-up of the short-range model, in sides of the box
CLOSE_UP_SCORE = 0.05  # below it, a score counts as 0 in the mean over CLOSE_UPS
CONFIRMING_CLOSE_UP = 2.5  # of the full-range model, which needs more around a face
# Close-ups whose scores are averaged: the model, the weight of its mean, and their sides in sides
# of the box. In 192 scenes, the weighted mean was 0.71 or more for the 88 faces that a pass saw,
# and 0.59 or less for 380 other candidates.
CLOSE_UPS = ((SHORT_RANGE, 2 / 3, (1.7, 2.0, 2.5)), (FULL_RANGE, 1 / 3, (2.0, 2.5, 3.2, 4.5)))
# Side of a tile: half of the longer side within these limits. The full-range model finds faces from
# about 1 / 16 of it.
MIN_TILE_PX, MAX_TILE_PX = 320, 640
TILE_OVERLAP = 0.25  # of a tile; a face of that size is whole in at least one tile

_interpreters = threading.local()  # an interpreter may be used by one thread at a time


class DetectorError(FaceVoiceError):
    """Raised if the runtime of the face detector is missing."""


@dataclass(frozen=True)
class Region:
    """A square of a picture, in pixels; it may be partly outside of the picture."""

    left: float
    top: float
    side: float

    @staticmethod
    def whole(image: Image.Image) -> Region:
        """Returns the smallest square that contains a picture."""
        return Region.around(np.array([0, 0, *image.size], np.float32), 1.0)

    @staticmethod
    def around(box: Floats, factor: float) -> Region:
        """Returns the square with the centre of a box and `factor` times its longer side."""
        left, top, right, bottom = map(float, box)
        side = factor * max(right - left, bottom - top)
        return Region((left + right - side) / 2, (top + bottom - side) / 2, side)


def check_detector() -> None:
    """Checks that the runtime and the weights of the detector are there.

    Raises:
      DetectorError: the runtime is missing.
      WeightsError: the weights are missing or damaged.
    """
    for model in (SHORT_RANGE, FULL_RANGE):
        _interpreter(model)


def detect_faces(image: Image.Image, thorough: bool = False) -> Detections:
    """Detects the faces of a picture that are not small in it.

    Args:
      image: RGB picture.
      thorough: search with the full-range model even if the short-range model finds a face.

    Returns:
      The faces, in pixels of the picture, the highest score first.

    Raises:
      DetectorError, WeightsError: as `check_detector`.
    """
    whole = Region.whole(image)
    seen = run_model(SHORT_RANGE, image, whole)
    found = _confirm(image, seen)
    if len(found) and not thorough:
        return found
    seen = distinct([seen, run_model(FULL_RANGE, image, whole, CANDIDATE_SCORE)])
    return distinct([found, _convincing(image, seen)])


def detect_small_faces(image: Image.Image) -> Detections:
    """Detects small faces of a large picture, in overlapping tiles; see `detect_faces`."""
    seen = [run_model(FULL_RANGE, image, tile, CANDIDATE_SCORE) for tile in tiles(image.size)]
    return _convincing(image, distinct(seen))


def tiles(size: tuple[int, int]) -> list[Region]:
    """Returns the tiles of a picture, row by row; none if it is hardly larger than a tile."""
    side = min(max(max(size) / 2, MIN_TILE_PX), MAX_TILE_PX)
    if max(size) <= side * (1 + TILE_OVERLAP):
        return []
    starts = []
    for length in size:
        count = math.ceil(max(length - side, 0) / (side * (1 - TILE_OVERLAP))) + 1
        starts.append(np.linspace(0, max(length - side, 0), count).tolist())
    return [Region(left, top, side) for top in starts[1] for left in starts[0]]


def distinct(found: Sequence[Detections]) -> Detections:
    """Returns the faces of several passes without repetitions, the highest score first."""
    together = Detections.concatenate(found)
    kept: list[int] = []
    for index in np.argsort(-together.scores, kind="stable").tolist():
        overlaps = blazeface.overlap(together.boxes[index], together.boxes[kept])
        if (overlaps <= blazeface.SUPPRESSION_OVERLAP).all():
            kept.append(index)
    return together[kept]


def _confirm(image: Image.Image, candidates: Detections) -> Detections:
    """Returns the candidates of the first pass that are faces.

    A face that is uncertain or small is looked at in a close-up. There it must be certain to the
    short-range model, or be found by both models and have a mean score of MIN_UNCERTAIN_SCORE.
    """
    faces = []
    for index, box in enumerate(candidates.boxes):
        face = candidates[[index]]
        if face.scores[0] < CERTAIN_SCORE or _is_small(box, image):
            face = _match(SHORT_RANGE, image, box, CLOSE_UP)
            if not len(face):
                continue
            if face.scores[0] < CERTAIN_SCORE and not (
                len(_match(FULL_RANGE, image, face.boxes[0], CONFIRMING_CLOSE_UP))
                and _mean_score(image, face.boxes[0]) >= MIN_UNCERTAIN_SCORE
            ):
                continue
        faces.append(face)
    return distinct(faces)


def _convincing(image: Image.Image, candidates: Detections) -> Detections:
    """Returns the candidates of the later passes that are faces, as they are seen in a close-up.

    A face must be found in a close-up, and have a mean score over CLOSE_UPS of MIN_MEAN_SCORE.
    """
    faces = []
    for box in candidates.boxes:
        face = _match(SHORT_RANGE, image, box, CLOSE_UP)
        if len(face) and _mean_score(image, face.boxes[0]) >= MIN_MEAN_SCORE:
            faces.append(face)
    return distinct(faces)


def _mean_score(image: Image.Image, box: Floats) -> float:
    """Returns the mean score over CLOSE_UPS of what is found at a box, 0 where nothing is found."""
    mean = 0.0
    for model, weight, factors in CLOSE_UPS:
        for factor in factors:
            found = _match(model, image, box, factor, CLOSE_UP_SCORE)
            mean += weight * float(found.scores.sum()) / len(factors)
    return mean


def _is_small(box: Floats, image: Image.Image) -> bool:
    return bool((box[2:] - box[:2]).max() < SMALL_FACE * max(image.size))


def _match(
    model: Model, image: Image.Image, box: Floats, factor: float, min_score: float = MIN_SCORE
) -> Detections:
    """Returns the face that a model finds at a box in a close-up, one or none."""
    found = run_model(model, image, Region.around(box, factor), min_score)
    same = blazeface.overlap(box, found.boxes) > blazeface.SUPPRESSION_OVERLAP
    return found[np.flatnonzero(same)[:1]]


def run_model(
    model: Model, image: Image.Image, region: Region, min_score: float = MIN_SCORE
) -> Detections:
    """Runs a model on a region; returns its detections in pixels of the picture."""
    interpreter = _interpreter(model)
    interpreter.set_tensor(
        interpreter.get_input_details()[0]["index"], _input(model, image, region)
    )
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    values, scores = (interpreter.get_tensor(output["index"])[0] for output in outputs)
    found = merge_overlapping(decode(model, values, scores[:, 0], min_score))
    origin = np.array([region.left, region.top], np.float32)
    side = np.float32(region.side)
    boxes = found.boxes.reshape(-1, 2, 2) * side + origin
    return Detections(boxes.reshape(-1, 4), found.points * side + origin, found.scores)


def _input(model: Model, image: Image.Image, region: Region) -> Floats:
    """Returns a region as the input of a model: float32 [1, height, width, 3], from -1 to 1.

    What is outside of the picture is black, as with MediaPipe's `BORDER_ZERO`. The picture is
    resized with an antialiased filter.
    """
    corner = np.array([region.left, region.top])
    box = np.stack([np.maximum(corner, 0), np.minimum(corner + region.side, image.size)])
    left, top, right, bottom = (
        ((box - corner) * (model.input_px / region.side)).round().astype(int).ravel().tolist()
    )
    pixels = np.full((1, model.input_px, model.input_px, 3), -1, np.float32)
    if left < right and top < bottom:
        part = image.resize(
            (right - left, bottom - top),
            Image.Resampling.BILINEAR,
            box=tuple(box.ravel().tolist()),
            reducing_gap=2.0,
        )
        pixels[0, top:bottom, left:right] = np.asarray(part, np.float32) / 127.5 - 1
    return pixels


def _interpreter(model: Model) -> Any:
    """Returns this thread's interpreter of a model."""
    found = vars(_interpreters).setdefault("by_model", {})
    if model not in found:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise DetectorError(
                "The face detector needs ai-edge-litert; install it with pip install -e '.[faces]' "
                "(or 'make setup')."
            ) from None
        content = read_weights(BLAZEFACE, model.weights)
        with without_native_stderr():
            found[model] = Interpreter(model_content=content, num_threads=1)
            found[model].allocate_tensors()
    return found[model]
