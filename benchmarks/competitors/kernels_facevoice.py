"""Kernels of FaceVoice."""

from __future__ import annotations

import kernels_common
from protocol import serve

from facevoice.features import FeatureSettings, read_face, spectrogram

SETTINGS = FeatureSettings()
DETECTED = FeatureSettings(face_detector="blazeface")

serve(
    {
        "spectrogram": kernels_common.of_windows(lambda window: spectrogram(window, SETTINGS)),
        "face": kernels_common.of_images(lambda path: read_face(path, SETTINGS)),
        "detected_face": kernels_common.of_images(lambda path: read_face(path, DETECTED)),
    }
)
