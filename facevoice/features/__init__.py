"""Feature extraction: turns one media file into one uint8 array, or raises a MediaError.

The build and the prediction call the same functions, so training and inference see the same pixels
and levels. This package imports neither Beam nor TensorFlow.
"""

from facevoice.features.audio import AudioFacts, probe_audio, read_video_window, read_window
from facevoice.features.face_tracks import extract_video_face
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
    "AudioFacts",
    "FaceImage",
    "FeatureSettings",
    "MediaError",
    "Reason",
    "VideoFacts",
    "band_centres_hz",
    "column_centres",
    "extract_face",
    "extract_video_face",
    "levels_to_db",
    "probe_audio",
    "probe_video",
    "read_face",
    "read_video_window",
    "read_window",
    "spectrogram",
]
