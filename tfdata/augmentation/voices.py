"""Voices as they might have been recorded: float32 [batch, bands, frames, 1], levels 0 to 255.

A level v is floor_db * (1 - v / 255) below the window's maximum. Each function changes every
example by draws of its own, and keeps the shape.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfdata.augmentation.spans import within
from tfdata.augmentation.stateless_random import Draws


def shift_time(levels: tf.Tensor, draws: Draws) -> tf.Tensor:
    """Begins each window at another moment; what is cut off at its front is put behind its end."""
    frames = levels.shape[2]
    start = tf.cast(draws.uniform("voice.start", 0, frames, rank=2), tf.int32)
    moments = (tf.range(frames)[None] + start) % frames
    turned = tf.gather(tf.transpose(levels, [0, 2, 1, 3]), moments, batch_dims=1)
    return tf.transpose(turned, [0, 2, 1, 3])


def recolour(
    levels: tf.Tensor, draws: Draws, *, floor_db: float, most_db: float = 4.0
) -> tf.Tensor:
    """Another microphone: a smooth curve over the bands, three waves of up to `most_db` each."""
    place = tf.reshape(tf.linspace(0.0, 1.0, levels.shape[1]), [1, -1, 1, 1])
    curve_db = tf.zeros_like(levels[:, :, :1])
    for wave in (1, 2, 3):
        height_db = draws.uniform(f"voice.colour.{wave}", -most_db, most_db, rank=4)
        phase = draws.uniform(f"voice.phase.{wave}", 0, 2 * math.pi, rank=4)
        curve_db += height_db * tf.cos(math.pi * wave * place + phase)
    return levels + curve_db * (-255 / floor_db)


def add_noise(
    levels: tf.Tensor,
    draws: Draws,
    *,
    floor_db: float,
    share: float = 0.5,
    lowest_snr_db: float = -5.0,
    highest_snr_db: float = 30.0,
    most_tilt_db: float = 20.0,
) -> tf.Tensor:
    """Stationary noise under a share of the voices, in power, as an addition of sounds would be.

    The power of noise within a band varies from moment to moment as that of one bin of a spectrum
    does (exponentially). Its mean falls or rises along the bands by up to `most_tilt_db`, so that
    white noise (rising, as higher bands are wider), rumble and hiss are among it. The ratio is of
    mean powers over bands and frames, and the loudest place is 255 again.
    """
    exponent = -math.log(10) * floor_db / 10 / 255  # of power, per level
    power = tf.exp((levels - 255) * exponent)
    place = tf.reshape(tf.linspace(-0.5, 0.5, levels.shape[1]), [1, -1, 1, 1])
    tilt_db = draws.uniform("voice.noise.tilt", -most_tilt_db, most_tilt_db, rank=4)
    drawn = draws.field("voice.noise", tuple(levels.shape[1:]))
    noise = -tf.math.log(1 - drawn) * 10 ** (tilt_db * place / 10)
    snr_db = draws.uniform("voice.noise.snr", lowest_snr_db, highest_snr_db, rank=4)
    ratio = _mean(power) / _mean(noise) * 10 ** (-snr_db / 10)
    sum_ = power + noise * ratio
    sum_ /= tf.reduce_max(sum_, axis=(1, 2, 3), keepdims=True)
    noisy = tf.maximum(255 + tf.math.log(sum_) / exponent, 0)
    return tf.where(draws.chosen("voice.noisy", share, rank=4), noisy, levels)


def mask(
    levels: tf.Tensor,
    draws: Draws,
    *,
    masks: int = 2,
    most_bands: float = 0.1,
    most_frames: float = 0.2,
) -> tf.Tensor:
    """SpecAugment's masks (Park et al., 2019): some bands and some frames at the mean level.

    Args:
      levels: see above.
      draws: of the batch.
      masks: of either kind.
      most_bands, most_frames: in each mask, as fractions of all.
    """
    mean = _mean(levels)
    for axis, most in ((1, most_bands), (2, most_frames)):
        size = levels.shape[axis]
        for i in range(masks):
            width = draws.uniform(f"voice.mask.{axis}.{i}.width", 0, most, rank=4) * size
            start = draws.uniform(f"voice.mask.{axis}.{i}.start", rank=4) * (size - width)
            levels = tf.where(within(axis, size, start, width), mean, levels)
    return levels


def _mean(levels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(levels, axis=(1, 2, 3), keepdims=True)
