"""One media file in, one uint8 array out, or a reason why not.

The build, and whatever uses a model later, call the same functions, so that training and use see
the same pixels and levels. Nothing here knows of Beam, TFRecords or TensorFlow.
"""

from facevoice.features.audio import AudioFacts, probe_audio, read_window
from facevoice.features.faces import read_face
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.settings import FeatureSettings
from facevoice.features.spectrogram import (
    band_centres_hz,
    column_centres,
    levels_to_db,
    spectrogram,
)

__all__ = [
    "AudioFacts",
    "FeatureSettings",
    "MediaError",
    "Reason",
    "band_centres_hz",
    "column_centres",
    "levels_to_db",
    "probe_audio",
    "read_face",
    "read_window",
    "spectrogram",
]
