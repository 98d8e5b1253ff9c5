"""The graph's faces and spectrograms are those of the build, apart from rounding."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from facevoice.export.audio_graph import cut_windows, has_sound, spectrograms
from facevoice.export.encoded_media import decode_image, decode_wav, exif_orientation
from facevoice.export.image_graph import crop_and_resize
from facevoice.features import (
    MOST_WINDOWS,
    FeatureSettings,
    consecutive_starts,
    read_window,
    spectrogram,
)
from facevoice.features.faces import crop_centre
from facevoice.features.image_decoding import open_image
from tests.conftest import write_clip

SETTINGS = FeatureSettings(image_size=32, window_seconds=0.5, bands=16, frames=8, fft_size=256)
EXIF_ORIENTATION = 0x0112


def picture(width, height, seed=0):
    """A picture with coarse and fine structure."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)).resize(
        (width, height)
    )
    noise = rng.integers(-30, 31, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("face_crop", [0.8, 1.0])
def test_faces_are_those_of_the_build(face_crop):
    settings = FeatureSettings(image_size=32, face_crop=face_crop)
    graph = tf.function(
        lambda pixels: crop_and_resize(pixels, settings),
        input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
    )
    differences = []
    for size in [(24, 31), (32, 32), (40, 40), (97, 60), (333, 250), (640, 800)]:
        image = picture(*size)
        expected = crop_centre(image, settings).pixels
        differences.append(np.abs(graph(np.asarray(image)).numpy().astype(int) - expected).ravel())
    found = np.concatenate(differences)
    assert found.max() <= 1
    assert (found == 0).mean() > 0.999


@pytest.mark.parametrize("use_fft", [True, False])
@pytest.mark.parametrize("scale", ["log", "mel"])
def test_spectrograms_are_those_of_the_build(scale, use_fft):
    settings = FeatureSettings(window_seconds=0.5, bands=32, frames=32, frequency_scale=scale)
    rng = np.random.default_rng(1)
    time = np.arange(settings.window_samples) / settings.sample_rate_hz
    tones = np.stack(
        [np.sin(2 * np.pi * hz * time) * level for hz, level in [(440, 1), (99, 1e-4)]]
    )
    windows = (tones + rng.normal(0, [[1e-4], [0.1]], tones.shape)).astype(np.float32)
    found = spectrograms(windows, settings, use_fft=use_fft).numpy()[..., 0]
    expected = np.stack([spectrogram(window, settings) for window in windows])
    assert found.shape == expected.shape
    differences = np.abs(found.astype(int) - expected)
    assert differences.max() <= 1
    assert (differences == 0).mean() > 0.995


def test_windows_are_those_of_a_prediction():
    length = SETTINGS.window_samples
    graph = tf.function(
        lambda samples: cut_windows(samples, SETTINGS),
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )
    for samples in [length, length + 1, 3 * length - 1, 20 * length, 21 * length, 77 * length + 5]:
        clip = np.arange(samples, dtype=np.float32)
        starts = consecutive_starts(samples, SETTINGS)
        np.testing.assert_array_equal(graph(clip)[:, 0], starts)
        np.testing.assert_array_equal(graph(clip)[-1], clip[starts[-1] :][:length])
        assert len(starts) <= MOST_WINDOWS
    short = np.arange(1000, dtype=np.float32)
    np.testing.assert_array_equal(graph(short)[0], np.resize(short, length))


def test_silence_is_recognised():
    quiet, loud = np.zeros((2, SETTINGS.window_samples), np.float32)
    loud[4000:4010] = 0.001
    drift = np.linspace(0, 0.01, SETTINGS.window_samples, dtype=np.float32)
    windows = np.stack([quiet, quiet + 0.5, drift, loud])
    np.testing.assert_array_equal(has_sound(windows, SETTINGS), [False, False, False, True])
    assert not spectrograms(windows[:1], SETTINGS).numpy().any()


@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_jpegs_are_turned_upright(orientation):
    exif = Image.Exif()
    if orientation:
        exif[0x010F] = "a maker before it"
        exif[EXIF_ORIENTATION] = orientation
    file = io.BytesIO()
    picture(48, 32).resize((96, 64)).save(file, "JPEG", quality=95, exif=exif)
    content = tf.constant(file.getvalue())
    assert exif_orientation(content).numpy() == (orientation or 1)
    expected = np.asarray(open_image(file)).astype(int)
    assert np.abs(decode_image(content).numpy() - expected).mean() < 1


def test_damaged_exif_data_is_no_orientation():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    picture(48, 32).save(file, "JPEG", exif=exif)
    content = file.getvalue()
    tiff = content.index(b"Exif\0\0") + 6
    for damage in (b"\xff" * 8, b"II*\0\xff\xff\0\0", bytes(8)):
        damaged = content[:tiff] + damage + content[tiff + 8 :]
        assert 0 <= exif_orientation(tf.constant(damaged)).numpy() < 2**16
        assert decode_image(tf.constant(damaged)).shape == (32, 48, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_other_images_are_decoded_as_by_the_build(mode):
    image = picture(20, 30).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    for kind in ("PNG", "BMP") if mode == "RGB" else ("PNG",):
        file = io.BytesIO()
        image.save(file, kind)
        found = decode_image(tf.constant(file.getvalue())).numpy().astype(int)
        assert np.abs(found - np.asarray(open_image(file))).max() <= 1


def test_wav_files_are_decoded_as_by_the_build(tmp_path):
    write_clip(tmp_path / "a.wav", 1, seconds=0.5)
    found = decode_wav(tf.constant((tmp_path / "a.wav").read_bytes()), SETTINGS)
    np.testing.assert_array_equal(found, read_window(tmp_path / "a.wav", 0, SETTINGS))
    write_clip(tmp_path / "b.wav", 1, rate_hz=8000)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not 16000 Hz"):
        decode_wav(tf.constant((tmp_path / "b.wav").read_bytes()), SETTINGS)


def test_inverted_channels_do_not_cancel():
    import soundfile

    samples = np.random.default_rng(2).normal(0, 0.1, 8000)
    for right in (-samples, samples, samples / 2):
        file = io.BytesIO()
        soundfile.write(file, np.stack([samples, right], 1), 16000, "PCM_16", format="WAV")
        expected = read_window(io.BytesIO(file.getvalue()), 0, SETTINGS)
        found = decode_wav(tf.constant(file.getvalue()), SETTINGS)
        np.testing.assert_allclose(found, expected, atol=1e-7)
