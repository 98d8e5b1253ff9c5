"""Finds windows of a clip in which nobody can be heard."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facevoice.features.clips import LOSSY_SUBTYPES
from facevoice.features.mono import INT16_STEP

# Digital silence or a constant, apart from one step of 16-bit rounding to each side. Within so
# short a time, a slow drift of the offset stays in this range, too.
SILENCE_RANGE, SILENCE_SECONDS = 2 * INT16_STEP, 0.0025
# Range of the noise that lossy codecs add to a constant, as a fraction of the constant. Vorbis adds
# the most, 0.018 at 0.01 and above.
CODEC_NOISE = 0.02
# What codecs make of a constant at the start of a clip: Opus removes it, which takes up to 0.42 s,
# and others settle within 0.1 s. At the end, the last frame of an MP3 is off for up to 0.11 s.
OPUS_START_SECONDS, CODEC_START_SECONDS, CODEC_EDGE_SECONDS = 0.5, 0.25, 0.12
# Longer than the filter of the resampler: its ringing at the ends of a window, and what is read on
# both sides of a window to avoid it.
RESAMPLING_MARGIN_SECONDS = 0.05


def rings_only(
    samples: NDArray[np.float32], rate_hz: int, subtype: str, start_samples: int
) -> bool:
    """Returns whether samples are silent but for the ringing at their ends and the codec's noise.

    Args:
      samples: mono samples at the target rate.
      rate_hz: the target rate.
      subtype: of the clip, as libsndfile names it.
      start_samples: position of the first one in the clip.
    """
    is_lossy = subtype in LOSSY_SUBTYPES
    is_long = len(samples) >= rate_hz  # in a short clip, little sound is left between the ends
    edge_seconds = CODEC_EDGE_SECONDS if is_lossy and is_long else RESAMPLING_MARGIN_SECONDS
    start_seconds = OPUS_START_SECONDS if subtype == "OPUS" and is_long else CODEC_START_SECONDS
    edge = math.ceil(edge_seconds * rate_hz)
    settled = math.ceil(start_seconds * rate_hz) - start_samples if is_lossy else 0
    inner = samples[min(max(edge, settled), len(samples) // 2) : -edge]
    return is_silent(inner, rate_hz, CODEC_NOISE if is_lossy else 0.0)


def is_silent(samples: NDArray[np.float32], rate_hz: int, noise: float = 0.0) -> bool:
    """Returns whether samples are constant or drift slowly, apart from rounding.

    Args:
      samples: samples of a clip.
      rate_hz: their sample rate.
      noise: range of noise that counts as rounding, too, as a fraction of the offset.
    """
    length = math.ceil(SILENCE_SECONDS * rate_hz)
    if len(samples) == 0:
        return True
    limit = SILENCE_RANGE
    if noise:
        limit += noise * abs(float(samples.mean(dtype=np.float64)))
    if len(samples) <= length:
        return _range(samples) <= limit
    at_maximum = max(0, int(samples.argmax()) - length // 2)
    if _range(samples[at_maximum:][:length]) > limit:
        return False  # the usual case, without a look at the others
    pieces = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2]
    return bool((np.ptp(pieces, axis=1) <= limit).all()) and _range(samples[-length:]) <= limit


def _range(samples: NDArray[np.float32]) -> float:
    return float(samples.max()) - float(samples.min())
