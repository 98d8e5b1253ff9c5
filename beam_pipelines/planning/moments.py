"""Cuts videos into moments, and pairs the face and the voice of each. Pure functions.

A moment is a window of a video's sound together with the frames that are shown meanwhile. It is
face and window of a pair at once; the worker selects the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from beam_pipelines.corpus.listing import MediaFile, Video
from beam_pipelines.planning.hashing import rank
from beam_pipelines.planning.pairing import group_by_session, round_robin
from beam_pipelines.planning.windows import Grid, Window

# An image file, or a moment, one of whose frames shows the face.
FaceSource = MediaFile | Window


def cut_moments(videos: Sequence[Video], grid: Grid, seed: int, max_per_video: int) -> list[Window]:
    """Returns the moments of all videos, round robin, those of each video in the order of a hash.

    So a few moments of a long video are from all of it. Windows begin with the sound and lie in it,
    except for one window of a shorter sound, which is padded. In the middle of each window, the
    video has pictures.

    Args:
      videos: the videos.
      grid: the distances of windows.
      seed: seed of the ranks.
      max_per_video: maximum number of moments per video, because a header can claim any length.
    """
    queues = []
    for video in sorted(videos, key=lambda video: rank(seed, "clip", video.path)):
        windows = [Window(video, start) for start in _starts(video, grid)]
        windows.sort(key=lambda w: (rank(seed, "moment", w.path, str(w.start_samples)), w.path))
        queues.append(windows[:max_per_video])
    return round_robin(queues)


def _starts(video: Video, grid: Grid) -> list[int]:
    """Returns the starts of a video's windows that have pictures in their middle."""
    facts, rate_hz, length = video.facts, grid.sample_rate_hz, grid.window_samples
    first = math.ceil(facts.audio_start_seconds * rate_hz)
    last = max(first, math.floor(facts.audio_end_seconds * rate_hz) - length)
    pictures = facts.picture_start_seconds, facts.picture_end_seconds
    return [
        start
        for start in range(first, last + 1, grid.step_samples)
        if pictures[0] <= (start + length / 2) / rate_hz < pictures[1]
    ]


def add_moments(
    moments: Sequence[Window],
    pairs: Sequence[tuple[MediaFile, Window]],
    sessions: Sequence[str],
) -> list[tuple[FaceSource, Window]]:
    """Returns the pairs of some moments and other pairs of a person, round robin over the videos.

    Args:
      moments: each of which becomes a pair.
      pairs: of images and clips.
      sessions: the videos, in the order of a round.
    """
    of_moments = group_by_session(moments)
    others: dict[str, list[tuple[FaceSource, Window]]] = {session: [] for session in sessions}
    for face, window in pairs:
        others[window.session].append((face, window))
    return round_robin(
        [[(moment, moment) for moment in of_moments[s]] + others[s] for s in sessions]
    )
