"""Tests with real and damaged media, if a copy of them is next to the repository."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from PIL import Image, ImageOps

from facevoice.features import (
    FeatureSettings,
    MediaError,
    Reason,
    read_face,
    read_window,
    spectrogram,
)
from tests.facevoice.features.test_spectrogram import CQT, cqt_decibels, decibels

DATA = Path(__file__).parents[4] / "shared" / "data"
DAMAGED_IMAGES = sorted((DATA / "ugly" / "img").glob("*"))
DAMAGED_CLIPS = sorted((DATA / "ugly" / "audio").glob("*"))
CLIPS = sorted((DATA / "voxreal10" / "wav").rglob("*.wav"))[::50]
ALL_FACES = sorted((DATA / "voxreal10" / "unzippedFaces").rglob("*.jpg"))
FACES = ALL_FACES[::50]
DEFAULT = FeatureSettings()

needs_damaged = pytest.mark.skipif(
    not (DAMAGED_IMAGES and DAMAGED_CLIPS), reason="no damaged media beside the repository"
)
needs_real = pytest.mark.skipif(
    not (CLIPS and FACES), reason="no real corpus beside the repository"
)

IMAGE_REASONS = {Reason.UNREADABLE, Reason.TOO_LARGE, Reason.TOO_SMALL, Reason.BLANK}
AUDIO_REASONS = {
    Reason.UNREADABLE,
    Reason.TOO_SHORT,
    Reason.SAMPLE_RATE,
    Reason.NOT_FINITE,
    Reason.SILENT,
}


def image(name):
    return DATA / "ugly" / "img" / name


def sound(name):
    return DATA / "ugly" / "audio" / name


def correlation(one, other):
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


def by_pillow(path):
    """The centred 80% by whole-pixel crop and box filter."""
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened.convert("RGB"))
    rim = [(length - 0.8 * min(upright.size)) / 2 for length in upright.size]
    box = [round(edge) for edge in (*rim, upright.width - rim[0], upright.height - rim[1])]
    return np.asarray(upright.crop(box).resize((128, 128), Image.Resampling.BOX))


# --- Damaged media ---


def array_or_reason(read, path):
    try:
        return read(path), None
    except MediaError as error:
        return None, error


@needs_damaged
@pytest.mark.parametrize("path", DAMAGED_IMAGES, ids=lambda path: path.name)
def test_every_image_gives_a_face_or_a_reason(path):
    face, error = array_or_reason(lambda path: read_face(path, DEFAULT), path)
    if error:
        assert error.reason in IMAGE_REASONS
        assert error.detail
        assert str(DATA) not in str(error)
    else:
        assert face.shape == (128, 128, 3)
        assert face.dtype == np.uint8
        assert face.std() > 2
        assert 5 < face.mean() < 250


@needs_damaged
@pytest.mark.parametrize("path", DAMAGED_CLIPS, ids=lambda path: path.name)
def test_every_clip_gives_a_spectrogram_or_a_reason(path):
    window, error = array_or_reason(lambda path: read_window(path, 0, DEFAULT), path)
    if error:
        assert error.reason in AUDIO_REASONS
        assert error.detail
        assert str(DATA) not in str(error)
    else:
        assert window.dtype == np.float32
        assert window.shape == (48000,)
        assert np.isfinite(window).all()
        with np.errstate(all="raise", under="ignore"):
            levels = spectrogram(window, DEFAULT)
        assert levels.shape == (128, 128)
        assert levels.max() == 255
        assert levels.std() > 10


@needs_damaged
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("made__bomb_20000x20000.png", Reason.TOO_LARGE),
        ("made__1x1.jpg", Reason.TOO_SMALL),
        ("made__1x2000.jpg", Reason.TOO_SMALL),
        ("pillow__orientation_rectangle.jpg", Reason.TOO_SMALL),
        ("made__zero_bytes.jpg", Reason.UNREADABLE),
        ("made__html.jpg", Reason.UNREADABLE),
        ("made__thumbs.db.jpg", Reason.UNREADABLE),
        ("made__flipped_middle.jpg", Reason.UNREADABLE),
        ("pillow__truncated_jpeg.jpg", Reason.UNREADABLE),
        ("pillow__truncated_end_chunk.png", Reason.UNREADABLE),
        ("pillow__broken_data_stream.png", Reason.UNREADABLE),
        ("pillow__zero_width.gif", Reason.UNREADABLE),
        ("pillow__broken_exif_dpi.jpg", Reason.BLANK),
        ("exif-samples__image01713.jpg", Reason.BLANK),
    ],
)
def test_damaged_images_are_rejected_with_their_reason(name, reason):
    with pytest.raises(MediaError) as caught:
        read_face(image(name), DEFAULT)
    assert caught.value.reason == reason


@needs_damaged
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("made__sr_1hz.wav", Reason.SAMPLE_RATE),
        ("scipy__test-1234Hz-le-1ch-10S-20bit-extra.wav", Reason.SAMPLE_RATE),
        ("made__nan_float.wav", Reason.NOT_FINITE),
        ("made__inf_float.wav", Reason.NOT_FINITE),
        ("made__silence_4s.wav", Reason.SILENT),
        ("mutagen__silence-44-s.flac", Reason.SILENT),
        ("mutagen__silence-2s-PCM-16000-08-ID3v23.wav", Reason.SILENT),
        ("made__header_only_44.wav", Reason.TOO_SHORT),
        ("asterisk__real_zero_samples_8k.wav", Reason.TOO_SHORT),
        ("hound__nonstandard-01.wav", Reason.TOO_SHORT),
        ("scipy__test-44100Hz-le-1ch-4bytes-early-eof.wav", Reason.TOO_SHORT),
        ("made__zero_bytes.wav", Reason.UNREADABLE),
        ("speechbrain__fake29bytes_example1.wav", Reason.UNREADABLE),
        ("mutagen__52-overwritten-metadata.flac", Reason.UNREADABLE),
        ("mutagen__variable-block.flac", Reason.UNREADABLE),
    ],
)
def test_damaged_clips_are_rejected_with_their_reason(name, reason):
    with pytest.raises(MediaError) as caught:
        read_window(sound(name), 0, DEFAULT)
    assert caught.value.reason == reason


@needs_damaged
@pytest.mark.parametrize(
    "name",
    [
        "codebasics__P_png-transparent-maria-sharapova-tennis-m.png",
        "exif-samples__35-empty.jpg",
        "exif-samples__36-memory_error.jpg",
        "exif-samples__87_OSError.jpg",
        "pillow__exif_typeerror.jpg",
        "pillow__frozenpond.mpo",
        "pillow__hopper_bw_500.png",
        "made__odd_byte_tail.wav",
        "made__ima_adpcm.wav",
        "made__double.wav",
        "made__stereo_one_dead_channel.wav",
        "cpython__pluck-ulaw.au",
        "datasets__test_audio_16000.mp3",
        "datasets__test_audio_48000.opus",
        "io__ZASFX_ADSR_no_sustain.s24.flac",
        "pydub__test1-8bit.wav",
    ],
)
def test_unusual_but_valid_files_are_read(name):
    if image(name).exists():
        assert read_face(image(name), DEFAULT).std() > 20
    else:
        assert read_window(sound(name), 0, DEFAULT).std() > 0.001


@needs_damaged
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pillow__hopper_orientation_4.jpg", "pillow__hopper.gif"),
        ("pillow__hopper_orientation_6.jpg", "pillow__hopper.gif"),
        ("pillow__hopper_orientation_8.jpg", "pillow__hopper.webp"),
        ("made__cmyk_face.jpg", "made__gray_L.jpg"),
        ("made__palette_face.png", "made__gray_L.jpg"),
        ("exif-samples__landscape_5.jpg", "exif-samples__landscape_7.jpg"),
    ],
)
def test_mode_and_orientation_of_a_file_do_not_change_the_face(one, other):
    pair = [read_face(image(name), DEFAULT).mean(axis=2) for name in (one, other)]
    assert correlation(*pair) > 0.95
    assert correlation(pair[0][:, ::-1], pair[1]) < 0.9
    assert correlation(pair[0][::-1], pair[1]) < 0.9


@needs_damaged
@pytest.mark.parametrize(
    "name",
    [
        "datasets__test_audio_16000.mp3",
        "datasets__test_audio_44100.wav",
        "made__ima_adpcm.wav",
        "made__stereo_one_dead_channel.wav",
        "mitisor__44k1_stereo_youtube.wav",
        "pydub__test1-8bit.wav",
        "ravdess__48k_FLLR_chunk.wav",
        "urdu__44k1_2s.wav",
    ],
)
@pytest.mark.parametrize("start", [0, 20_001])
def test_windows_equal_librosas_load(name, start):
    whole, _ = librosa.load(sound(name), sr=16000, mono=True)
    part = whole[start : start + 48000]
    window = read_window(sound(name), start, DEFAULT)[: len(part) - 1]
    np.testing.assert_allclose(window, part[:-1], atol=1e-5)


# --- A real corpus ---


@needs_real
@pytest.mark.parametrize("number", range(len(FACES)))
def test_real_faces_agree_with_pillow(number):
    face = read_face(FACES[number], DEFAULT)
    assert correlation(face, by_pillow(FACES[number])) > 0.98


@needs_real
def test_no_real_face_is_nearly_blank():
    """Blank is a standard deviation of less than 3; the flattest of these has 17."""
    assert min(read_face(path, DEFAULT).mean(axis=2).std() for path in ALL_FACES) > 12


@needs_real
@pytest.mark.parametrize("number", range(len(CLIPS)))
def test_energy_of_real_voices_follows_a_constant_q_transform(number):
    """Correlations of decibels: 0.88 to 0.94 over all bands, 0.93 to 0.96 above 240 Hz."""
    window, rate_hz = soundfile.read(CLIPS[number], dtype="float32", frames=CQT.window_samples)
    assert rate_hz == CQT.sample_rate_hz
    np.testing.assert_array_equal(read_window(CLIPS[number], 0, CQT), window)
    ours, theirs = decibels(window, CQT), cqt_decibels(window, CQT, bands_per_octave=18)
    assert correlation(ours, theirs) > 0.87
    assert correlation(ours[36:], theirs[36:]) > 0.92
    assert np.median(np.abs(ours - theirs)) < 8
