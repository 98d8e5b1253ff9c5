"""Clips for the tests of audio."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from facevoice.features import FeatureSettings, MediaError, read_window

RATE_HZ = 16000
DEFAULT = FeatureSettings()
SECOND = FeatureSettings(window_seconds=1)
NOISE = np.random.default_rng(0).normal(0, 0.1, 5 * RATE_HZ).clip(-1, 1).astype(np.float32)


def hum(seconds=5.0, rate_hz=RATE_HZ):
    """A chord that lossy codecs keep."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return sum(0.1 * np.sin(2 * np.pi * hz * t + hz) for hz in (220, 330, 700, 1500))


def clip(samples, rate_hz=RATE_HZ, subtype="FLOAT", kind="WAV"):
    """Returns samples as an open file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype=subtype, format=kind)
    file.seek(0)
    return file


def rejection(source, settings=DEFAULT, start=0):
    with pytest.raises(MediaError) as caught:
        read_window(source, start, settings)
    return caught.value
