"""One media file in, one uint8 array out, or a reason why not.

Building a data set, predicting from new media and looking into a data set all call these
functions, so that training and use see the same pixels and levels. Nothing here knows of Beam,
TFRecords or TensorFlow.
"""

from features.audio import AudioFacts, probe_audio, read_window
from features.faces import read_face
from features.media import MediaError, Reason
from features.settings import FeatureSettings
from features.spectrogram import band_centres_hz, column_centres, levels_to_db, spectrogram

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
