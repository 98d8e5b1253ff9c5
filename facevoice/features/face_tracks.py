"""Selects one face image of a window of a video: a face that is seen through the whole window.

A track is one face in each sampled frame of the window: from frame to frame, the face whose box
overlaps that of the frame before most. If no box overlaps it enough, as at a cut, the track ends.
Only boxes are compared, so who is seen is not guessed: a cut between two people of equal size at
the same place is not noticed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevoice.features import blazeface
from facevoice.features.blazeface import Detections
from facevoice.features.faces import FaceImage, crop_centre, crop_face, find_faces
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FRAMES_PER_SECOND, FeatureSettings
from facevoice.features.video_frames import Frame, cell_edges, sample_frames
from facevoice.features.videos import VideoSource

# Intersection over union. Boxes of equal size may be two thirds of their side apart.
MIN_OVERLAP = 0.2
# Frames of a window that may become its face image, so that no others are kept in memory.
CANDIDATES = 3

Tracks = list[list[int]]  # index of the face in each frame


@dataclass(frozen=True, eq=False)
class VideoFace:
    """The face of a window: its image, the frame, and where it was detected in the frame."""

    image: FaceImage
    frame: Image.Image
    detected: Detections | None


def find_video_face(
    source: VideoSource, start_seconds: float, settings: FeatureSettings
) -> VideoFace:
    """Returns the face of one window of a video.

    Frames are sampled at `frames_per_second` (see `video_frames`). Of those nearest to the middle
    of the window, the first from the middle outwards is used that has enough pixels and is not
    blank. With a face detector, the face must be in all sampled frames, on one track; of several
    tracks, that of the largest boxes is used. Without one, the centre of the frame is cropped.

    Args:
      source: path, open file or open video.
      start_seconds: start of the window, from the start of the file.
      settings: length of the window, frames per second, size, crop and face detector.

    Raises:
      MediaError: unreadable, no_video, no_audio, too_large, too_small, blank, no_face, no_track or
        several_faces.
      VideoSupportError, DetectorError, WeightsError: a decoder or the face detector cannot run.
    """
    end_seconds = start_seconds + settings.window_seconds
    edges = cell_edges(start_seconds, end_seconds, settings.frames_per_second or FRAMES_PER_SECOND)
    order = from_the_middle(len(edges) - 1)
    following: _Following | None = None
    if settings.face_detector == "none":  # no other frames are needed
        first = min(order)
        edges, order = edges[first : max(order) + 2], [cell - first for cell in order]
    else:
        following = _Following(settings)
    frames: dict[int, Frame] = {}
    with closing(sample_frames(source, edges)) as sampled:
        for cell, frame in enumerate(sampled):
            if frame is None:
                continue
            if following is not None:
                following.add(frame, cell)
            if cell in order:
                frames[cell] = frame
    candidates = [cell for cell in order if cell in frames]
    if not candidates:
        raise MediaError(Reason.NO_VIDEO, "no pictures in the middle of the window")
    error: MediaError | None = None
    for cell in candidates:
        picture = frames[cell].image
        detected = following.face(cell) if following else None
        try:
            if detected is None:
                image = crop_centre(picture, settings)
            else:
                image = crop_face(picture, detected, settings)
        except MediaError as failed:
            error = error or failed
        else:
            seconds = as_stored(frames[cell].seconds, start_seconds)
            return VideoFace(replace(image, seconds=seconds), picture, detected)
    assert error is not None
    raise error


def as_stored(seconds: float, start_seconds: float) -> float:
    """Rounds a time to float32, as records store it, but not below the start of its window."""
    stored = np.float32(seconds)
    # As floats: NumPy would compare the two as float32.
    is_within = float(stored) >= start_seconds
    return float(stored if is_within else np.nextafter(stored, np.float32(np.inf)))


def from_the_middle(count: int) -> list[int]:
    """Returns the indexes of up to CANDIDATES of `count` cells, from the middle outwards."""
    middle = (count - 1) / 2
    return sorted(range(count), key=lambda cell: (abs(cell - middle), cell))[:CANDIDATES]


def follow(tracks: Tracks, before: NDArray[np.float32], boxes: NDArray[np.float32]) -> Tracks:
    """Returns the tracks that go on in the next frame.

    Pairs of faces are matched in the order of their overlap, each face to one track only.

    Args:
      tracks: indexes of faces; the last is that of a box in `before`.
      before, boxes: [faces, 4], of the frame before and of the next one.
    """
    overlaps = np.array(
        [blazeface.overlap(before[track[-1]], boxes) for track in tracks], np.float32
    ).reshape(len(tracks), len(boxes))
    matched: dict[int, int] = {}  # track to face
    for place in np.argsort(-overlaps, axis=None, kind="stable").tolist():
        track, face = divmod(place, len(boxes))
        if overlaps[track, face] < MIN_OVERLAP:
            break
        if track not in matched and face not in matched.values():
            matched[track] = face
    return [[*tracks[track], matched[track]] for track in sorted(matched)]


class _Following:
    """The faces of a window's frames so far, and the tracks through all of them."""

    def __init__(self, settings: FeatureSettings) -> None:
        self._settings = settings
        self._faces: list[Detections] = []
        self._cells: list[int] = []
        self._tracks: Tracks = []
        self._seconds = 0.0

    def add(self, frame: Frame, cell: int) -> None:
        """Detects the faces of the next frame and follows the tracks.

        Raises:
          MediaError: no_face, no_track or several_faces.
        """
        found = find_faces(frame.image, self._settings)
        if not len(found):
            raise MediaError(Reason.NO_FACE, f"no face at {frame.seconds:.3f} s")
        if len(found) > 1 and self._settings.several_faces == "reject":
            raise MediaError(Reason.SEVERAL_FACES, f"{len(found)} faces at {frame.seconds:.3f} s")
        if not self._faces:
            self._tracks = [[face] for face in range(len(found))]
        else:
            self._tracks = follow(self._tracks, self._faces[-1].boxes, found.boxes)
        if not self._tracks:
            raise MediaError(
                Reason.NO_TRACK,
                f"no face at {frame.seconds:.3f} s is where one was at {self._seconds:.3f} s",
            )
        self._faces.append(found)
        self._cells.append(cell)
        self._seconds = frame.seconds

    def face(self, cell: int) -> Detections:
        """Returns the face of a frame on the track with the largest mean area."""
        track = max(self._tracks, key=self._mean_area)  # the first of several
        position = self._cells.index(cell)
        return self._faces[position][[track[position]]]

    def _mean_area(self, track: list[int]) -> float:
        boxes = np.stack(
            [found.boxes[face] for found, face in zip(self._faces, track, strict=True)]
        )
        return float((boxes[:, 2:] - boxes[:, :2]).prod(axis=1).mean())
