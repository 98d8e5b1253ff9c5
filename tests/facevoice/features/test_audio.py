"""Tests of audio windows against whole-file decoding, librosa's resampling and synthetic clips."""

from __future__ import annotations

import io
import pickle

import librosa
import numpy as np
import pytest
import soundfile

from facevoice.features import FeatureSettings, MediaError, Reason, probe_audio, read_window
from tests.facevoice.features.clips import DEFAULT, NOISE, RATE_HZ, SECOND, clip, hum, rejection


class CountingFile(io.BytesIO):
    """Counts the bytes that are read from it."""

    count = 0

    def read(self, *arguments):
        data = super().read(*arguments)
        self.count += len(data)
        return data

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.count += count
        return count


# --- Reading ---


@pytest.mark.parametrize(
    ("kind", "subtype", "error"),
    [
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 1e-7),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 1e-7),
        ("WAV", "ULAW", 2**-5),
        ("WAV", "ALAW", 2**-5),
        ("WAV", "IMA_ADPCM", 0.1),
        ("WAV", "GSM610", 0.15),
        ("WAVEX", "PCM_24", 2**-23),
        ("RF64", "PCM_16", 2**-15),
        ("W64", "PCM_16", 2**-15),
        ("AIFF", "PCM_S8", 2**-7),
        ("AU", "PCM_16", 2**-15),
        ("CAF", "PCM_16", 2**-15),
        ("FLAC", "PCM_S8", 2**-7),
        ("FLAC", "PCM_16", 2**-15),
        ("FLAC", "PCM_24", 2**-23),
        ("OGG", "VORBIS", 0.1),
        ("OGG", "OPUS", None),
        ("MP3", "MPEG_LAYER_III", 0.1),
    ],
)
def test_all_common_formats_give_the_recorded_samples(tmp_path, kind, subtype, error):
    samples = hum().astype(np.float32)
    path = tmp_path / "clip"
    path.write_bytes(clip(samples, subtype=subtype, kind=kind).getvalue())
    whole, _ = soundfile.read(path, dtype="float32")
    for start in (0, 1, 4321, 31_999):
        window = read_window(path, start, DEFAULT)
        assert window.dtype == np.float32
        assert window.shape == (48000,)
        np.testing.assert_allclose(window, whole[start : start + 48000], atol=1e-6)
        if error is not None:  # Opus at this rate keeps no waveform
            np.testing.assert_allclose(window, samples[start : start + 48000], atol=error)


def test_channels_are_averaged():
    left, right, rear = NOISE[:48000], NOISE[10:48010], NOISE[20:48020]
    stereo = read_window(clip(np.stack([left, right], axis=1)), 0, DEFAULT)
    np.testing.assert_allclose(stereo, (left + right) / 2, atol=1e-7)
    three = read_window(clip(np.stack([left, right, rear], axis=1)), 0, DEFAULT)
    np.testing.assert_allclose(three, (left + right + rear) / 3, atol=1e-7)


@pytest.mark.parametrize("rate_hz", [16000, 48000])
@pytest.mark.parametrize("share", [0.999, 0.97])
def test_loudest_channel_is_used_if_channels_cancel_each_other(rate_hz, share):
    stereo = np.stack([-share * NOISE, NOISE], axis=1)
    window = read_window(clip(stereo, rate_hz), 0, SECOND)
    np.testing.assert_allclose(window, read_window(clip(NOISE, rate_hz), 0, SECOND), atol=1e-7)


def test_a_silent_channel_only_halves_the_level():
    for dead in ([NOISE, 0 * NOISE], [0 * NOISE, NOISE]):
        window = read_window(clip(np.stack(dead, axis=1)), 0, SECOND)
        np.testing.assert_allclose(window, NOISE[:16000] / 2, atol=1e-7)


def test_paths_strings_and_open_files_give_equal_samples(tmp_path):
    path = tmp_path / "clip.wav"
    path.write_bytes(clip(NOISE).getvalue())
    with path.open("rb") as file:
        for source in (path, str(path), file, clip(NOISE)):
            np.testing.assert_array_equal(read_window(source, 5, SECOND), NOISE[5:16005])


@pytest.mark.parametrize("name", ["c.wav", "c.mp3", "c.flac", "c.au", "c.txt", "clip"])
def test_format_is_detected_by_content_and_not_by_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(clip(NOISE).getvalue())
    np.testing.assert_array_equal(read_window(path, 0, SECOND), NOISE[:16000])


@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_only_the_window_of_a_long_clip_is_read(rate_hz):
    minutes = np.tile(NOISE, 60)
    file = CountingFile(clip(minutes, rate_hz, "PCM_16").getvalue())
    read_window(file, 50 * RATE_HZ, SECOND)
    assert file.count < 1.4 * 2 * rate_hz  # two bytes a sample; of 9.6 MB


def test_the_header_gives_rate_and_length():
    facts = probe_audio(clip(np.stack([NOISE, NOISE], axis=1), 44100))
    assert (facts.sample_rate_hz, facts.samples) == (44100, 80000)
    assert facts.samples_at(16000) == 29024  # 80 000 * 16 000 / 44 100 = 29 024.9
    assert facts.samples_at(44100) == 80000


# --- Resampling ---


@pytest.mark.parametrize(
    ("native_hz", "target_hz"),
    [(hz, 16000) for hz in (4410, 8000, 11025, 22050, 44100, 44101, 48000, 96000)]
    + [(hz, 22050) for hz in (8000, 16000, 44100, 44101, 48000)],
)
def test_a_window_equals_that_slice_of_the_whole_clip_resampled(native_hz, target_hz):
    samples = np.random.default_rng(1).normal(0, 0.1, 4 * native_hz).astype(np.float32)
    whole = librosa.resample(samples, orig_sr=native_hz, target_sr=target_hz, res_type="soxr_hq")
    settings = FeatureSettings(sample_rate_hz=target_hz, window_seconds=1)
    file = clip(samples, native_hz)
    for start in (0, 1, 799, 801, 12345, 2 * target_hz + 7, len(whole) - target_hz):
        file.seek(0)
        window = read_window(file, start, settings)
        np.testing.assert_allclose(window, whole[start : start + target_hz], atol=2e-6)


@pytest.mark.parametrize("native_hz", [8000, 11025, 44100, 44101, 48000])
@pytest.mark.parametrize("start", [0, 1, 5000, 16001])
def test_resampling_keeps_time_to_a_hundredth_of_a_sample(native_hz, start):
    instant = (start + 7000) / RATE_HZ + 0.00001
    t = np.arange(3 * native_hz) / native_hz
    file = clip(np.exp(-(((t - instant) / 0.001) ** 2) / 2), native_hz)
    pulse = read_window(file, start, SECOND)[6900:7100].astype(float) ** 2
    found = 6900 + pulse @ np.arange(200) / pulse.sum()
    assert found == pytest.approx(instant * RATE_HZ - start, abs=0.01)


def test_resampling_does_not_alias():
    t = np.arange(3 * 44100) / 44100
    sound = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.3 * np.sin(2 * np.pi * 10_000 * t)
    window = read_window(clip(sound, 44100), 8000, SECOND)
    np.testing.assert_allclose(
        window, 0.3 * np.sin(2 * np.pi * 440 * (np.arange(16000) + 8000) / 16000), atol=1e-4
    )


# --- Short clips ---


@pytest.mark.parametrize(("length", "start"), [(17_600, 0), (17_600, 8000), (47_999, 0)])
def test_a_short_rest_is_repeated_from_its_beginning(length, start):
    window = read_window(clip(NOISE[:length]), start, DEFAULT)
    rest = length - start
    np.testing.assert_array_equal(window, [NOISE[start + i % rest] for i in range(48000)])


def test_a_short_rest_after_resampling_is_repeated_too():
    window = read_window(clip(hum(1.5, 44100), 44100), 8000, DEFAULT)
    np.testing.assert_array_equal(window[16000:32000], window[:16000])
    np.testing.assert_allclose(window[:15000], hum(1.5)[8000:23000], atol=1e-3)


def test_a_clip_of_just_one_window_is_not_repeated():
    np.testing.assert_array_equal(read_window(clip(NOISE[:48000]), 0, DEFAULT), NOISE[:48000])


def test_a_quarter_of_a_second_is_enough_and_less_is_too_short():
    assert read_window(clip(NOISE[:4000]), 0, DEFAULT).shape == (48000,)
    assert rejection(clip(NOISE[:3999])).reason == Reason.TOO_SHORT
    assert rejection(clip(NOISE[:10_000]), start=6001).reason == Reason.TOO_SHORT
    assert rejection(clip(NOISE[:10_000]), start=99_999).reason == Reason.TOO_SHORT


@pytest.mark.parametrize("rate_hz", [11025, 16000])
def test_the_shortest_window_that_settings_allow_can_be_read(rate_hz):
    settings = FeatureSettings(sample_rate_hz=rate_hz, window_seconds=0.25, max_hz=5000)
    window = read_window(clip(NOISE, rate_hz), 0, settings)
    np.testing.assert_array_equal(window, NOISE[: rate_hz // 4])


# --- Trimming ---


def faded(rate_hz):
    """Half a second of faint noise, two seconds of sound, a second of faint noise."""
    faint = 1e-4 * np.random.default_rng(2).normal(size=round(3.5 * rate_hz))
    faint[rate_hz // 2 : round(2.5 * rate_hz)] += hum(2, rate_hz)
    return faint.astype(np.float32)


@pytest.mark.parametrize("trim_silence_db", [20.0, 40.0, 100.0])
@pytest.mark.parametrize("start", [0, 9000])
def test_trimming_agrees_with_librosa_and_positions_count_from_there(trim_silence_db, start):
    settings = FeatureSettings(window_seconds=1, trim_silence_db=trim_silence_db)
    window = read_window(clip(faded(RATE_HZ)), start, settings)
    expected, _ = librosa.effects.trim(faded(RATE_HZ), top_db=trim_silence_db)
    np.testing.assert_array_equal(window, expected[start : start + 16000])


def test_trimming_follows_resampling():
    settings = FeatureSettings(window_seconds=1, trim_silence_db=40)
    window = read_window(clip(faded(44100), 44100), 0, settings)
    resampled = librosa.resample(faded(44100), orig_sr=44100, target_sr=RATE_HZ)
    expected, _ = librosa.effects.trim(resampled, top_db=40)
    np.testing.assert_allclose(window, expected[:16000], atol=1e-6)


def test_the_trimmed_end_is_not_read():
    settings = FeatureSettings(trim_silence_db=40)
    window = read_window(clip(faded(RATE_HZ)), 0, settings)
    kept = len(librosa.effects.trim(faded(RATE_HZ), top_db=40)[0])
    assert 32000 <= kept < 35000
    np.testing.assert_array_equal(window[kept:], window[: 48000 - kept])


# --- What cannot be used ---

NAN = NOISE.copy()
NAN[1000] = np.nan
INF = NOISE.copy()
INF[1000] = -np.inf


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # inf - inf
@pytest.mark.parametrize("trim_silence_db", [None, 30.0])
@pytest.mark.parametrize(
    ("samples", "rate_hz", "reason"),
    [
        (NAN, 16000, Reason.NOT_FINITE),
        (NAN, 44100, Reason.NOT_FINITE),
        (INF, 16000, Reason.NOT_FINITE),
        (INF, 44100, Reason.NOT_FINITE),
        (np.stack([INF, -INF], axis=1), 16000, Reason.NOT_FINITE),
        (NOISE[:0], 16000, Reason.TOO_SHORT),
        (NOISE[:1], 16000, Reason.TOO_SHORT),
        (NOISE[:1], 44100, Reason.TOO_SHORT),
        (np.zeros(80_000), 16000, Reason.SILENT),
        (np.zeros(80_000), 44100, Reason.SILENT),
        (np.full(80_000, 0.5), 16000, Reason.SILENT),
        (np.full(80_000, -1.0), 16000, Reason.SILENT),
        (np.arange(80_000) % 2 / 32768, 16000, Reason.SILENT),
        (np.random.default_rng(6).integers(-1, 2, 80_000) / 32768, 16000, Reason.SILENT),
        (np.stack([np.zeros(80_000)] * 2, axis=1), 16000, Reason.SILENT),
        (NOISE, 1, Reason.SAMPLE_RATE),
        (NOISE, 3999, Reason.SAMPLE_RATE),
        (NOISE, 384_001, Reason.SAMPLE_RATE),
        (NOISE, 2**31 - 1, Reason.SAMPLE_RATE),
    ],
)
def test_unusable_sound_is_rejected_with_its_reason(samples, rate_hz, reason, trim_silence_db):
    settings = FeatureSettings(trim_silence_db=trim_silence_db)
    error = rejection(clip(samples, rate_hz), settings)
    assert error.reason == reason
    assert str(error).startswith(f"{reason.value}: ")


def test_a_very_quiet_recording_is_not_silent():
    quiet = NOISE * np.float32(1e-3)
    np.testing.assert_array_equal(read_window(clip(quiet), 0, SECOND), quiet[:16000])


def test_absurdly_loud_floats_are_read_without_overflow():
    loud = np.abs(NOISE) * np.float32(3e38)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(read_window(clip(loud), 0, SECOND), loud[:16000])


def test_absurdly_loud_floats_are_trimmed_like_others():
    settings = FeatureSettings(window_seconds=1, trim_silence_db=40)
    window = read_window(clip(faded(RATE_HZ) * np.float32(1e30)), 0, settings)
    usual = read_window(clip(faded(RATE_HZ)), 0, settings)
    np.testing.assert_allclose(window / 1e30, usual, rtol=1e-6)


def test_damage_outside_of_the_window_is_ignored():
    np.testing.assert_array_equal(read_window(clip(NAN), 1001, SECOND), NOISE[1001:17001])


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(MediaError(Reason.SILENT, "no sound")))
    assert (type(error), error.reason, error.detail) == (MediaError, Reason.SILENT, "no sound")
    assert str(error) == "silent: no sound"


# --- Settings ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate_hz", 0),
        ("sample_rate_hz", 3999),
        ("sample_rate_hz", 1_000_000),
        ("sample_rate_hz", 16000.5),
        ("window_seconds", 0),
        ("window_seconds", 0.2),
        ("window_seconds", -3),
        ("window_seconds", 601),
        ("window_seconds", float("nan")),
        ("window_seconds", float("inf")),
        ("trim_silence_db", 0),
        ("trim_silence_db", -30),
        ("trim_silence_db", 121),
        ("trim_silence_db", float("nan")),
    ],
)
def test_invalid_audio_settings_are_refused_with_their_field(name, value):
    with pytest.raises(ValueError, match=rf"^`{name}` is .*\.$"):
        FeatureSettings(**{name: value})
