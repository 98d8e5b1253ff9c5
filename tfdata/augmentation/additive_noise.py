"""Random noise and a random frequency response, on the levels of spectrograms.

A level v is floor_db * (1 - v / 255) below the window's maximum.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfdata.augmentation.stateless_random import StatelessRandom


def random_equalizer(
    levels: tf.Tensor, rng: StatelessRandom, *, floor_db: float, max_gain_db: float = 4.0
) -> tf.Tensor:
    """Adds a smooth gain over the bands, as of another microphone.

    Args:
      levels: float32 [batch, bands, frames, 1], 0 to 255.
      rng: random numbers of the batch.
      floor_db: of level 0.
      max_gain_db: amplitude of each of the three cosines that the gain is the sum of.
    """
    position = tf.reshape(tf.linspace(0.0, 1.0, levels.shape[1]), [1, -1, 1, 1])
    gain_db = tf.zeros_like(levels[:, :, :1])
    for wave in (1, 2, 3):
        amplitude_db = rng.uniform(f"voice.colour.{wave}", -max_gain_db, max_gain_db, rank=4)
        phase = rng.uniform(f"voice.phase.{wave}", 0, 2 * math.pi, rank=4)
        gain_db += amplitude_db * tf.cos(math.pi * wave * position + phase)
    return levels + gain_db * (-255 / floor_db)


def additive_noise(
    levels: tf.Tensor,
    rng: StatelessRandom,
    *,
    floor_db: float,
    probability: float = 0.5,
    min_snr_db: float = -5.0,
    max_snr_db: float = 30.0,
    max_tilt_db: float = 20.0,
) -> tf.Tensor:
    """Adds stationary noise to some spectrograms, as a sum of powers.

    The power of the noise in a band varies over time with an exponential distribution, as that of
    one bin of a spectrum does. The mean power falls or rises linearly in dB along the bands, so
    white noise (rising, as higher bands are wider), rumble and hiss occur. The signal-to-noise
    ratio compares mean powers over bands and frames. The maximum of the result is 255 again.

    Args:
      levels: float32 [batch, bands, frames, 1], 0 to 255.
      rng: random numbers of the batch.
      floor_db: of level 0.
      probability: of a spectrogram to have noise.
      min_snr_db, max_snr_db: range of the signal-to-noise ratio.
      max_tilt_db: largest difference between the mean powers in the highest and lowest band.
    """
    exponent = -math.log(10) * floor_db / 10 / 255  # of power, per level
    power = tf.exp((levels - 255) * exponent)
    position = tf.reshape(tf.linspace(-0.5, 0.5, levels.shape[1]), [1, -1, 1, 1])
    tilt_db = rng.uniform("voice.noise.tilt", -max_tilt_db, max_tilt_db, rank=4)
    drawn = rng.uniform_array("voice.noise", tuple(levels.shape[1:]))
    noise = -tf.math.log(1 - drawn) * 10 ** (tilt_db * position / 10)
    snr_db = rng.uniform("voice.noise.snr", min_snr_db, max_snr_db, rank=4)
    ratio = _mean(power) / _mean(noise) * 10 ** (-snr_db / 10)
    total = power + noise * ratio
    total /= tf.reduce_max(total, axis=(1, 2, 3), keepdims=True)
    noisy = tf.maximum(255 + tf.math.log(total) / exponent, 0)
    return tf.where(rng.bernoulli("voice.noisy", probability, rank=4), noisy, levels)


def _mean(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(values, axis=(1, 2, 3), keepdims=True)
