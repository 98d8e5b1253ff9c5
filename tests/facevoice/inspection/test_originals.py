"""Box, points and score of a detected face are drawn where they are."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageColor

from facevoice.inspection.originals import SHOWN, mark_face
from tfdata.schema import DetectedFace

GREY = (110, 120, 125)


def marked_pixels(box, size=(400, 300), longer_px=400):
    """Where a picture of one colour has the colour of box and points, bool [height, width]."""
    left, top, right, bottom = box
    points = np.full((6, 2), ((left + right) / 2, (top + bottom) / 2), np.float32)
    face = DetectedFace(np.array(box, np.float32), points, 0.87)
    picture = Image.new("RGB", size, GREY)
    marked = mark_face(picture, face, longer_px)
    assert picture.getcolors() == [(size[0] * size[1], GREY)]  # the argument is not changed
    return (np.asarray(marked) == ImageColor.getrgb(SHOWN)).all(axis=2)


@pytest.mark.parametrize(("longer_px", "scale"), [(400, 1), (200, 2)])
def test_box_and_points_are_drawn_at_their_places(longer_px, scale):
    shown = marked_pixels((0.25, 0.4, 0.75, 0.8), longer_px=longer_px)
    assert shown.shape == (300 // scale, 400 // scale)
    rows, columns = (np.array([120, 240]) // scale, np.array([100, 300]) // scale)
    assert shown[rows, :][:, columns[0] : columns[1]].all()
    assert shown[rows[0] : rows[1], :][:, columns].all()
    assert shown[180 // scale, 200 // scale]
    inside = shown[rows[0] + 3 : rows[1] - 3, columns[0] + 3 : columns[1] - 3]
    assert 0 < inside.sum() < 60  # only the points, which are at one place


@pytest.mark.parametrize("box", [(0.3, 0.4, 0.6, 0.8), (-0.1, -0.1, 0.9, 0.5), (0.6, 0, 1.2, 1.1)])
def test_the_score_is_inside_of_the_picture(box):
    """It differs from a picture with another score only where it is written."""
    face = DetectedFace(np.array(box, np.float32), np.full((6, 2), 0.5, np.float32), 0.87)
    other = DetectedFace(face.box, face.points, 0.51)
    picture = Image.new("RGB", (400, 300), GREY)
    one, two = (np.asarray(mark_face(picture, each, 400)) for each in (face, other))
    rows, columns = (one != two).any(axis=2).nonzero()
    assert len(rows) > 20
    assert np.ptp(columns) < 80
    assert np.ptp(rows) < 30


def test_a_dataset_without_a_detector_has_no_originals(look, data_set, corpus, tmp_path):
    flags = ["--index=0", f"--faces={corpus.faces}"]
    assert "--faces needs --export" in look(data_set, *flags, code=2)
    error = look(data_set, *flags, f"--export={tmp_path}", code=1)
    assert "built without a face detector" in error
