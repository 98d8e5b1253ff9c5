"""Damage of known strength to what a model is given, on uint8 arrays.

Noise is added in power, as sounds add up: what its strength is in decibels can be said of a
spectrogram, too, since levels are decibels below the window's maximum.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from features import FeatureSettings, band_centres_hz, levels_to_db
from features.spectrogram import filterbank, power_to_levels

Bytes = NDArray[np.uint8]
HANN_BINS = 1.5  # equivalent noise bandwidth of a Hann window (Harris, 1978)


def noisy(
    levels: Bytes, snr_db: float, settings: FeatureSettings, random: np.random.Generator
) -> Bytes:
    """A spectrogram as it would be with white noise under the voice.

    The expected power of white noise in a band is the sum of the band's weights; from frame to
    frame it varies as the mean of as many independent bins of a periodogram as the band is wide.
    Phases are not kept in a spectrogram, so that the noise adds to the voice's power and never
    cancels it.

    Args:
      levels: [bands, frames].
      snr_db: power of the sound above that of the noise, min_hz to max_hz, decibels.
      settings: that the spectrogram was made with.
      random: of the noise.
    """
    power = 10 ** (levels_to_db(levels, settings.floor_db) / 10)
    white, bins, width_hz = _bands(settings)
    noise = white * random.gamma(bins, 1 / bins, levels.shape)
    signal_power = (power / white * width_hz).sum()
    noise_power = (noise / white * width_hz).sum()
    noise *= signal_power / noise_power / 10 ** (snr_db / 10)
    return power_to_levels((power + noise).astype(np.float32), settings.floor_db)


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
def _bands(settings: FeatureSettings) -> tuple[NDArray[np.float64], ...]:
    """Of each band [bands, 1]: power of white noise, independent bins, width in Hz."""
    weights = filterbank(settings).astype(np.float64)
    white = weights.sum(axis=1, keepdims=True)
    bins = np.maximum(white**2 / (weights**2).sum(axis=1, keepdims=True) / HANN_BINS, 1)
    return white, bins, np.gradient(band_centres_hz(settings))[:, None]
