"""FaceVoice's own kernels."""

from __future__ import annotations

import one_thread
from contest import serve

from facevoice.features import FeatureSettings, read_face, spectrogram

SETTINGS = FeatureSettings()

serve(
    {
        "spectrogram": one_thread.of_windows(lambda window: spectrogram(window, SETTINGS)),
        "face": one_thread.of_images(lambda path: read_face(path, SETTINGS)),
    }
)
