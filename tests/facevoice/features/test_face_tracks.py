"""The face of a window of a video is one that is seen in all of its sampled frames."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facevoice.features import FeatureSettings, MediaError
from facevoice.features.face_tracks import as_stored, follow, from_the_middle
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from tests.videos import extract_video_face, write_video

SETTINGS = FeatureSettings(
    image_size=32, window_seconds=3.0, frames_per_second=1, face_detector="blazeface"
)
SIZE = (320, 240)


def picture(*faces):
    """A picture with faces: (person, left, top, side) of each."""
    image = Image.new("RGB", SIZE, (110, 120, 125))
    for person, left, top, side in faces:
        face = Image.open(io.BytesIO(face_jpeg(PEOPLE[person].face, person, 0, 0)))
        image.paste(face.resize((side, side)), (left, top))
    return np.asarray(image)


def write(path, *shown):
    """A video that shows each picture for a second."""
    return write_video(
        path,
        len(shown),
        times=range(len(shown)),
        picture_at=lambda seconds: shown[int(seconds)],
        picture={"qmax": 10},
    )


def reason(path, settings=SETTINGS):
    with pytest.raises(MediaError) as error:
        extract_video_face(path, 0.0, settings)
    return error.value.reason.value


def test_a_face_that_moves_is_followed_and_seen_in_the_middle(tmp_path):
    shown = [picture((0, 40 + step, 60, 120)) for step in (0, 25, 50)]
    face = extract_video_face(write(tmp_path / "one.mp4", *shown), 0.0, SETTINGS)
    assert face.seconds == 1.0
    left, top, right, bottom = face.detected.box
    assert 65 / 320 < left < right < (65 + 120) / 320
    assert 60 / 240 < top < bottom < 180 / 240


def test_of_two_faces_the_larger_one_through_the_window_is_used(tmp_path):
    both = picture((1, 10, 20, 90), (0, 180, 90, 120))
    # A still larger face is there for one frame only.
    shown = [both, picture((2, 10, 20, 150), (0, 180, 90, 120)), both]
    path = write(tmp_path / "two.mp4", *shown)
    face = extract_video_face(path, 0.0, SETTINGS)
    assert face.seconds == 1.0
    assert face.detected.box[0] > 0.5
    assert reason(path, replace(SETTINGS, several_faces="reject")) == "several_faces"


def test_a_cut_ends_a_track(tmp_path):
    shown = [picture((0, 10, 20, 110)), picture((0, 10, 20, 110)), picture((1, 190, 110, 110))]
    assert reason(write(tmp_path / "cut.mp4", *shown)) == "no_track"


def test_a_frame_without_a_face_rejects_the_window(tmp_path):
    shown = [picture((0, 10, 20, 110)), picture(), picture((0, 10, 20, 110))]
    assert reason(write(tmp_path / "away.mp4", *shown)) == "no_face"


def test_tracks_follow_the_box_that_overlaps_most_and_share_none():
    before = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    boxes = np.array([[22, 0, 32, 10], [1, 0, 11, 10], [50, 0, 60, 10]], np.float32)
    assert follow([[0], [1]], before, boxes) == [[0, 1], [1, 0]]
    # Both are near to the one face that is left; the nearer one goes on.
    close = np.array([[0, 0, 10, 10], [4, 0, 14, 10]], np.float32)
    assert follow([[0], [1]], close, np.array([[5, 0, 15, 10]], np.float32)) == [[1, 0]]
    # Two thirds of a side apart is near, more is not.
    for distance, tracks in ((6, [[0, 0]]), (7, [])):
        moved = before[:1] + np.array([distance, 0, distance, 0], np.float32)
        assert follow([[0]], before, moved) == tracks
    assert follow([[0], [1]], before, np.zeros((0, 4), np.float32)) == []


def test_candidates_are_ordered_from_the_middle():
    assert from_the_middle(1) == [0]
    assert from_the_middle(2) == [0, 1]
    assert from_the_middle(3) == [1, 0, 2]
    assert from_the_middle(8) == [3, 4, 2]


def test_the_stored_time_is_in_the_window():
    assert as_stored(2.2, 2.0) == np.float32(2.2)
    assert float(np.float32(3599.2)) < 3599.2
    assert 3599.2 <= as_stored(3599.2, 3599.2) < 3599.201


def test_without_a_detector_the_frame_in_the_middle_is_used(tmp_path):
    shown = [np.full((*SIZE[::-1], 3), 90, np.uint8), picture((0, 10, 20, 110))]
    path = write(tmp_path / "video.mp4", shown[0], shown[1], shown[0])
    face = extract_video_face(path, 0.0, replace(SETTINGS, face_detector="none"))
    assert (face.seconds, face.detected) == (1.0, None)
    # The middle one is blank, so the next is used.
    path = write(tmp_path / "late.mp4", shown[0], shown[0], shown[1])
    assert extract_video_face(path, 0.0, replace(SETTINGS, face_detector="none")).seconds == 2.0
