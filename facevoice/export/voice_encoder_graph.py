"""The voice encoder `ge2e` as a graph: samples to an embedding, as `facevoice.encoders.ge2e`."""

from __future__ import annotations

import keras
import numpy as np
import scipy.signal
import tensorflow as tf

from facevoice.encoders.ge2e import (
    BANDS,
    FFT_SIZE,
    HOP,
    MIN_COVERAGE,
    PART_FRAMES,
    PART_STEP,
    SAMPLE_RATE_HZ,
    TARGET_DBFS,
)
from facevoice.encoders.mel import mel_filterbank


def embed_samples(network: keras.Model, samples: tf.Tensor) -> tf.Tensor:
    """Returns the embedding of a recording, float32 [256], of L2 norm 1.

    Args:
      network: `models.voice_encoder.voice_encoder`.
      samples: float32 [samples], mono, at SAMPLE_RATE_HZ, not silent.
    """
    vectors = network(mel_parts(samples), training=False)
    return tf.math.l2_normalize(tf.reduce_mean(vectors, axis=0))


def mel_parts(samples: tf.Tensor) -> tf.Tensor:
    """Returns the parts of a recording: float32 [parts, PART_FRAMES, BANDS]."""
    length = tf.size(samples)
    frames = length // HOP + 1
    count = tf.maximum((frames - PART_FRAMES + PART_STEP) // PART_STEP + 1, 1)
    # The last part is left out if little of it is covered, unless it is the only one.
    covered = length - (count - 1) * PART_STEP * HOP
    is_covered = covered >= int(MIN_COVERAGE * PART_FRAMES * HOP)
    count = tf.where(is_covered, count, tf.maximum(count - 1, 1))
    starts = tf.range(count) * PART_STEP
    total = tf.maximum(length, (starts[-1] + PART_FRAMES) * HOP)
    half = FFT_SIZE // 2
    padded = tf.pad(_amplified(samples), [[half, half + total - length]])
    hann = scipy.signal.windows.hann(FFT_SIZE, sym=False).astype(np.float32)
    power = tf.square(tf.abs(tf.signal.rfft(tf.signal.frame(padded, FFT_SIZE, HOP) * hann)))
    mel = tf.matmul(power, _filterbank())
    return tf.gather(mel, starts[:, None] + tf.range(PART_FRAMES)[None])


def _filterbank() -> tf.Tensor:
    return tf.constant(mel_filterbank(SAMPLE_RATE_HZ, FFT_SIZE, BANDS).T)


def _amplified(samples: tf.Tensor) -> tf.Tensor:
    """Returns samples with a power of at least TARGET_DBFS."""
    rms = tf.sqrt(tf.reduce_mean(tf.square(samples)))
    return samples * tf.maximum(1.0, 10 ** (TARGET_DBFS / 20) / rms)
