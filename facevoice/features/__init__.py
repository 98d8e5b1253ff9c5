"""Feature extraction: turns one media file into one uint8 array, or raises a MediaError.

The build and the prediction call the same functions, so training and inference see the same pixels
and levels. This package imports neither Beam nor TensorFlow.
"""

from facevoice.features.audio import (
    MOST_WINDOWS,
    AudioFacts,
    consecutive_starts,
    probe_audio,
    read_video_window,
    read_window,
)
from facevoice.features.face_tracks import VideoFace, find_video_face
from facevoice.features.faces import FaceImage, extract_face, read_face
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FeatureSettings
from facevoice.features.spectrogram import (
    band_centres_hz,
    column_centres,
    levels_to_db,
    spectrogram,
)
from facevoice.features.videos import VideoFacts, probe_video

__all__ = [
    "MOST_WINDOWS",
    "AudioFacts",
    "FaceImage",
    "FeatureSettings",
    "MediaError",
    "Reason",
    "VideoFace",
    "VideoFacts",
    "band_centres_hz",
    "column_centres",
    "consecutive_starts",
    "extract_face",
    "find_video_face",
    "levels_to_db",
    "probe_audio",
    "probe_video",
    "read_face",
    "read_video_window",
    "read_window",
    "spectrogram",
]
