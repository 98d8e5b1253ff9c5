"""Kernels of TensorFlow: tf.signal as a graph and compiled by XLA; tf.io and tf.image."""

from __future__ import annotations

import kernels_common  # before NumPy
from protocol import serve  # isort: split

import math
from typing import Any

import tensorflow as tf
from kernels_common import (
    BANDS,
    COLUMNS,
    FFT_SIZE,
    FLOOR_DB,
    HOP_SAMPLES,
    MAX_HZ,
    MIN_HZ,
    RATE_HZ,
)

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
WINDOW_SAMPLES, SIZE_PX = 48_000, 128
FILTERBANK = tf.signal.linear_to_mel_weight_matrix(
    BANDS, FFT_SIZE // 2 + 1, RATE_HZ, MIN_HZ, MAX_HZ
)


def mel(window: tf.Tensor) -> tf.Tensor:
    padded = tf.pad(window, [[FFT_SIZE // 2, FFT_SIZE // 2]])
    spectra = tf.signal.stft(padded, FFT_SIZE, HOP_SAMPLES)[:COLUMNS]
    power = tf.square(tf.abs(spectra)) @ FILTERBANK
    relative = tf.maximum(power / tf.reduce_max(power), 10 ** (FLOOR_DB / 10))
    decibels = 10 / math.log(10) * tf.math.log(relative)
    return tf.cast(tf.round(255 * (1 - decibels / FLOOR_DB)), tf.uint8)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def face(path: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    side = 0.8 * tf.reduce_min(size)
    first = tf.cast((size - side) / 2, tf.int32)
    cut = tf.cast(side, tf.int32)
    square = tf.image.crop_to_bounding_box(image, first[0], first[1], cut, cut)
    resized = tf.image.resize(square, [SIZE_PX, SIZE_PX], "lanczos3", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def traced(compiled: bool) -> Any:
    signature = [tf.TensorSpec([WINDOW_SAMPLES], tf.float32)]
    return tf.function(mel, input_signature=signature, jit_compile=compiled)


PLAIN, COMPILED = traced(compiled=False), traced(compiled=True)

serve(
    {
        "mel": kernels_common.of_windows(lambda window: PLAIN(window).numpy()),
        "mel_compiled": kernels_common.of_windows(lambda window: COMPILED(window).numpy()),
        "face": kernels_common.of_images(lambda path: face(path).numpy()),
    }
)
