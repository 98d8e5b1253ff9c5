"""Decodes image files and WAV files in TensorFlow's graph; for SavedModels only.

LiteRT's built-in operations and ONNX have no decoders.
"""

from __future__ import annotations

import tensorflow as tf

from facevoice.features import FeatureSettings
from facevoice.features.mono import CANCELLED

EXIF_BYTES = 1 << 16  # EXIF data stands at the beginning of a file, in a segment of at most 64 KiB
EXIF_MARKER = b"Exif\x00\x00"
ORIENTATION = 0x0112  # TIFF tag
LITTLE_ENDIAN = ord("I")


def decode_image(content: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG (upright by its EXIF data), PNG (onto white), BMP, and the first frame of a GIF.

    Colour profiles are not converted.

    Args:
      content: string [], the bytes of the file.

    Returns:
      uint8 [height, width, 3], RGB.
    """
    return tf.case(
        [
            (tf.io.is_jpeg(content), lambda: _decode_jpeg(content)),
            (tf.strings.substr(content, 0, 4) == b"\x89PNG", lambda: _decode_png(content)),
        ],
        lambda: _with_shape(tf.io.decode_image(content, channels=3, expand_animations=False)),
    )


def decode_wav(content: tf.Tensor, settings: FeatureSettings) -> tf.Tensor:
    """Decodes a WAV file of 16-bit PCM; channels are averaged as in a build.

    Args:
      content: string [], the bytes of the file.
      settings: the sample rate that the file must have; others raise InvalidArgumentError.

    Returns:
      float32 [samples].
    """
    channels, rate_hz = tf.audio.decode_wav(content)
    expected = settings.sample_rate_hz
    message = f"the sample rate of the WAV file is not {expected} Hz; resample it"
    with tf.control_dependencies([tf.debugging.assert_equal(rate_hz, expected, message)]):
        mono = tf.reduce_mean(channels, axis=1)
    moving = channels - tf.reduce_mean(channels, axis=0)
    powers = tf.reduce_sum(moving**2, axis=0)
    count = tf.cast(tf.shape(channels)[1], tf.float32)
    power = tf.reduce_sum((mono - tf.reduce_mean(mono)) ** 2) * count**2
    loudest = tf.gather(channels, tf.argmax(powers), axis=1)
    return tf.where(power < CANCELLED * tf.reduce_sum(powers), loudest, mono)


def _decode_jpeg(content: tf.Tensor) -> tf.Tensor:
    pixels = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    return _with_shape(_upright(pixels, exif_orientation(content)))


def _decode_png(content: tf.Tensor) -> tf.Tensor:
    pixels = tf.cast(tf.io.decode_png(content, channels=4), tf.float32)
    alpha = pixels[..., 3:] / 255
    blended = pixels[..., :3] * alpha + 255 * (1 - alpha)
    return _with_shape(tf.cast(tf.round(blended), tf.uint8))


def _with_shape(pixels: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(pixels, (None, None, 3))


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Mirrors and turns an image by its EXIF orientation, 1 to 8; others leave it as it is."""
    mirrored = tf.reverse(pixels, [1])
    flipped = tf.reverse(pixels, [0])
    turns = [
        lambda: pixels,
        lambda: mirrored,
        lambda: tf.reverse(mirrored, [0]),
        lambda: flipped,
        lambda: tf.transpose(pixels, (1, 0, 2)),
        lambda: tf.reverse(tf.transpose(pixels, (1, 0, 2)), [1]),
        lambda: tf.reverse(tf.transpose(pixels, (1, 0, 2)), [0, 1]),
        lambda: tf.reverse(tf.transpose(pixels, (1, 0, 2)), [0]),
    ]
    is_valid = (orientation >= 1) & (orientation <= len(turns))
    return tf.switch_case(tf.where(is_valid, orientation - 1, 0), turns)


def exif_orientation(content: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of a JPEG, int32 []; 1 if there is none.

    Only the first directory of the EXIF data is read, where the tag belongs (Exif 2.32, 4.6.2).
    """
    # Zeros after the end, so that damaged offsets read zeros.
    start = tf.strings.substr(content, 0, EXIF_BYTES)
    octets = tf.cast(tf.io.decode_raw(start, tf.uint8), tf.int32)
    octets = tf.pad(octets, [[0, 2 * EXIF_BYTES - tf.size(octets)]])
    marker = [octets[i : i + EXIF_BYTES] == octet for i, octet in enumerate(EXIF_MARKER)]
    found = tf.where(tf.reduce_all(tf.stack(marker), axis=0))[:1, 0]
    tiff = tf.reduce_sum(tf.cast(found, tf.int32)) + len(EXIF_MARKER)
    is_little = octets[tiff] == LITTLE_ENDIAN

    def unsigned16(at: tf.Tensor) -> tf.Tensor:
        first = tf.gather(octets, tf.minimum(at, 2 * EXIF_BYTES - 2))
        second = tf.gather(octets, tf.minimum(at, 2 * EXIF_BYTES - 2) + 1)
        return tf.where(is_little, first + 256 * second, 256 * first + second)

    # A directory starts within the segment of 64 KiB, so the upper half of its offset is zero.
    directory = tiff + unsigned16(tf.where(is_little, tiff + 4, tiff + 6))
    entries = directory + 2 + 12 * tf.range(tf.minimum(unsigned16(directory), 512))
    values = unsigned16(entries + 8)
    is_orientation = unsigned16(entries) == ORIENTATION
    value = tf.reduce_max(tf.where(is_orientation, values, 0))
    return tf.where((tf.size(found) > 0) & (value > 0), value, 1)
