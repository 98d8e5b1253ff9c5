"""Damage of known strength to what a model is given, on uint8 arrays.

Noise is added in power, as sounds add up: what its strength is in decibels can be said of a
spectrogram, too, since levels are decibels below the window's maximum.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevoice.features import FeatureSettings, band_centres_hz, levels_to_db, spectrogram
from facevoice.features.spectrogram import filterbank, power_to_levels

Bytes = NDArray[np.uint8]


def noisy(
    levels: Bytes, snr_db: float, settings: FeatureSettings, random: np.random.Generator
) -> Bytes:
    """A spectrogram as it would be with white Gaussian noise under the voice.

    The noise is drawn as samples and goes the way of every sound, so that it varies from place to
    place, and hangs together between neighbours, as noise in a recording does. Phases are not
    kept in a spectrogram, so that the noise adds to the voice's power and never cancels it: where
    both are equally strong, that is 1.6 dB too much in the mean; elsewhere less.

    Args:
      levels: [bands, frames].
      snr_db: power of the sound above that of the noise, min_hz to max_hz, decibels.
      settings: that the spectrogram was made with.
      random: of the noise.
    """
    samples = random.standard_normal(settings.window_samples, np.float32)
    voice, noise = (
        10 ** (levels_to_db(x, settings.floor_db) / 10)
        for x in (levels, spectrogram(samples, settings))
    )
    width_hz = _width_hz(settings)
    noise *= (voice * width_hz).sum() / (noise * width_hz).sum() / 10 ** (snr_db / 10)
    return power_to_levels((voice + noise).astype(np.float32), settings.floor_db)


def blurred(image: Bytes, share: float) -> Bytes:
    """A picture out of focus: a Gaussian whose deviation is that share of the side."""
    radius = ImageFilter.GaussianBlur(share * image.shape[0])
    return np.asarray(Image.fromarray(image).filter(radius))


def covered(image: Bytes, share: float, random: np.random.Generator) -> Bytes:
    """A picture with a black square, somewhere, over that share of its area."""
    height, width = image.shape[:2]
    side = min(round((share * height * width) ** 0.5), height, width)
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    result = image.copy()
    result[top : top + side, left : left + side] = 0
    return result


@lru_cache(maxsize=4)
def _width_hz(settings: FeatureSettings) -> NDArray[np.float64]:
    """What a band's power counts in the whole [bands, 1]: the width that it stands for, Hz.

    That is the distance between centres, over what the band makes of noise of power 1 a bin.
    """
    white = filterbank(settings).sum(axis=1, dtype=np.float64)
    return (np.gradient(band_centres_hz(settings)) / white)[:, None]
