"""Tests of clips whose header does not state their length, of joined streams, and of channels."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from facevoice.features import FeatureSettings, MediaError, Reason, probe_audio, read_window

CASES = Path(__file__).parents[4] / "shared/data/cases/audio"
RATE_HZ = 16000
SETTINGS = FeatureSettings(window_seconds=1.0)
SWEEP = 0.3 * np.sin(np.cumsum(np.linspace(0.1, 1.5, 2 * RATE_HZ)))


def encoded(samples, kind, rate_hz=RATE_HZ, **settings):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, **settings)
    return file.getvalue()


def aac(samples, kind):
    """Samples as an open MP4 file or, of kind 'adts', as raw AAC."""
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], "fltp", "mono")
    frame.sample_rate = RATE_HZ
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_joined_streams_are_read_as_one_clip(kind):
    one, two = SWEEP, SWEEP[::-1]
    joined = io.BytesIO(encoded(one, kind) + encoded(two, kind))
    alone = [soundfile.read(io.BytesIO(encoded(part, kind)))[0] for part in (one, two)]
    assert probe_audio(joined).samples == sum(map(len, alone))
    joined.seek(0)
    start = len(alone[0]) + 8000
    window = read_window(joined, start, SETTINGS)
    np.testing.assert_allclose(window, alone[1][8000:24000], atol=1e-4)


def test_joined_streams_of_different_rates_are_rejected():
    joined = io.BytesIO(encoded(SWEEP, "FLAC") + encoded(SWEEP, "FLAC", rate_hz=8000))
    with pytest.raises(MediaError, match="16000 Hz changes to 8000 Hz") as error:
        probe_audio(joined)
    assert error.value.reason == Reason.UNREADABLE


@pytest.mark.parametrize("offset", [0.01, -0.3])
@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_an_offset_alone_is_silent_at_any_rate(rate_hz, offset):
    clip = encoded(np.full(2 * rate_hz, offset), "WAV", rate_hz)
    with pytest.raises(MediaError) as error:
        read_window(io.BytesIO(clip), 0, SETTINGS)
    assert error.value.reason == Reason.SILENT


TRIMMED = FeatureSettings(window_seconds=1.0, trim_silence_db=40.0)


@pytest.mark.parametrize("settings", [SETTINGS, TRIMMED])
@pytest.mark.parametrize("kind", ["OGG", "MP3"])
@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_the_noise_of_a_codec_around_an_offset_is_silent(kind, rate_hz, settings):
    """A voice of a thirtieth of the offset is more than that."""
    for offset in (0.001, -0.02, 0.5):
        constant = np.full(3 * rate_hz, offset)
        for start in (0, RATE_HZ):
            with pytest.raises(MediaError) as error:
                read_window(io.BytesIO(encoded(constant, kind, rate_hz)), start, settings)
            assert error.value.reason == Reason.SILENT
    hum = constant + offset / 30 * np.sin(2 * np.pi * 150 / rate_hz * np.arange(len(constant)))
    assert read_window(io.BytesIO(encoded(hum, kind, rate_hz)), 0, settings).std() > 0.005


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "rate_hz"), [("OPUS", 16000), ("OPUS", 48000), ("MPEG_LAYER_III", 22050)]
)
def test_a_constant_that_a_codec_removes_or_seeks_in_is_silent(kind, rate_hz, channels):
    """Opus removes it slowly; in an MP3, the bit reservoir of such frames is a second long."""
    constant = np.full((6 * rate_hz, channels), 0.5)
    kinds = {"OPUS": "OGG", "MPEG_LAYER_III": "MP3"}
    clip = encoded(constant, kinds[kind], rate_hz, subtype=kind)
    for start_seconds in (0, 0.1, 2, 3.1):
        with pytest.raises(MediaError) as error:
            read_window(io.BytesIO(clip), round(start_seconds * RATE_HZ), SETTINGS)
        assert error.value.reason == Reason.SILENT


@pytest.mark.parametrize("kind", ["OPUS", "VORBIS"])
def test_quiet_sound_from_the_middle_of_a_window_on_is_kept(kind):
    quiet = np.concatenate([np.zeros(RATE_HZ // 2), 0.002 * SWEEP[: RATE_HZ // 2]])
    clip = encoded(quiet, "OGG", subtype=kind)
    assert read_window(io.BytesIO(clip), 0, SETTINGS).std() > 1e-4


@pytest.mark.parametrize("settings", [SETTINGS, TRIMMED])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_a_tone_that_resampling_removes_is_silent(kind, settings):
    """At the ends of a clip, the resampler makes it ring."""
    tone = 0.3 * np.sin(2 * np.pi * 20_000 / 48_000 * np.arange(3 * 48_000))
    for start in (0, 2 * RATE_HZ):
        with pytest.raises(MediaError) as error:
            read_window(io.BytesIO(encoded(tone, kind, 48_000)), start, settings)
        assert error.value.reason == Reason.SILENT


@pytest.mark.parametrize("trim_silence_db", [None, 40.0])
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_a_slow_drift_is_silent_and_a_faint_sound_on_it_is_not(rate_hz, trim_silence_db):
    settings = FeatureSettings(window_seconds=1.0, trim_silence_db=trim_silence_db)
    drift = np.linspace(0.01, 0.02, 2 * rate_hz)
    with pytest.raises(MediaError) as error:
        read_window(io.BytesIO(encoded(drift, "WAV", rate_hz)), 0, settings)
    assert error.value.reason == Reason.SILENT
    hum = drift + 0.002 * np.sin(2 * np.pi * 150 / rate_hz * np.arange(2 * rate_hz))
    assert read_window(io.BytesIO(encoded(hum, "WAV", rate_hz)), 0, settings).std() > 0.001


@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_a_click_in_silence_is_a_sound(rate_hz):
    click = np.zeros(2 * rate_hz)
    click[rate_hz // 2] = 0.5
    assert read_window(io.BytesIO(encoded(click, "WAV", rate_hz)), 0, SETTINGS).max() > 0.1


@pytest.mark.parametrize(
    "shares",
    [(1, -1, 0, 0), (1, -1, 1, -1), (0.5, -1), (1, -1, 0.1, 0.1, 0.1, 0.1)],
    ids=["of four", "two and two", "half", "of six"],
)
def test_a_voice_is_kept_if_some_channels_are_inverted(shares):
    noise = np.random.default_rng(0).normal(0, 0.01, (len(SWEEP), len(shares)))
    offset = np.linspace(0.05, 0.1, len(shares))  # of the microphones
    clip = encoded(np.outer(SWEEP, shares) + noise + offset, "WAV")
    window = read_window(io.BytesIO(clip), 0, SETTINGS)
    assert abs(np.corrcoef(window, SWEEP[:RATE_HZ])[0, 1]) > 0.95


@pytest.mark.parametrize("snr_db", [40, 25, 15])
def test_a_voice_in_channels_of_opposite_polarity_is_kept(snr_db):
    noise = np.random.default_rng(0).normal(0, SWEEP.std() * 10 ** (-snr_db / 20), (len(SWEEP), 2))
    clip = encoded(np.stack([SWEEP, -SWEEP], axis=1) + noise, "WAV")
    window = read_window(io.BytesIO(clip), 0, SETTINGS)
    assert abs(np.corrcoef(window, SWEEP[:RATE_HZ])[0, 1]) > 0.95


def test_an_mp3_beside_a_file_of_macos_is_read(tmp_path):
    """libsndfile takes `._name` for the resource fork of a file, if it knows the file's name."""
    (tmp_path / "a.mp3").write_bytes(encoded(SWEEP, "MP3"))
    (tmp_path / "._a.mp3").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X" + bytes(4000))
    assert probe_audio(tmp_path / "a.mp3").samples == len(SWEEP)


def test_a_file_that_misleads_libsndfile_is_named(tmp_path, monkeypatch):
    (tmp_path / "._").write_bytes(b"text")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError, match=r"because of the file \._ in the current directory"):
        probe_audio(io.BytesIO(encoded(SWEEP, "MP3")))


def without_length(kind):
    """SWEEP as a program writes it to a pipe, without its length in the header."""
    data = bytearray(encoded(SWEEP, kind))
    if kind == "WAV":
        place = data.index(b"data") + 4
        data[4:8] = b"\xff" * 4
        data[place : place + 4] = bytes(4)
    elif kind == "FLAC":  # 36 bits from the middle of byte 21 on
        data[21:26] = bytes([data[21] & 0xF0, 0, 0, 0, 0])
    else:  # the first frame has the Xing header
        data = data[data.index(b"\xff\xf3", 4) :]
    return bytes(data)


def frames_of(rate, count):
    """`count` silent frames of 1152 samples at 48 kHz, of the bit rate with this index."""
    size = 144 * (0, 32, 40, 48, 56, 64, 80, 96, 112, 128)[rate] // 48
    return count * (bytes([0xFF, 0xFB, rate << 4 | 4, 0xC4]) + bytes(size - 4))


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3"])
@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)])
def test_samples_of_files_without_a_length_are_counted_and_read(kind, tag):
    file = io.BytesIO(without_length(kind) + (tag if kind == "MP3" else b""))
    assert probe_audio(file).samples == pytest.approx(len(SWEEP), abs=2000)  # an MP3 has padding
    file.seek(0)
    window = read_window(file, 12_000, SETTINGS)
    spectrum = abs(np.fft.rfft(window)) * abs(np.fft.rfft(SWEEP[12_000:28_000]))
    assert spectrum.sum() > 0.8 * (len(window) * window.std() * SWEEP[12_000:28_000].std()) / 2


@pytest.mark.parametrize("rates", [(9, 1), (1, 9)], ids=["falling", "rising"])
def test_an_mp3_of_variable_bit_rate_without_a_xing_header_is_counted(rates):
    head = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)
    data = head + frames_of(rates[0], 100) + frames_of(rates[1], 300)
    assert soundfile.info(io.BytesIO(data)).frames != 400 * 1152
    assert probe_audio(io.BytesIO(data)).samples == 400 * 1152
    assert probe_audio(io.BytesIO(data + b"TAG" + bytes(125))).samples == 400 * 1152
    assert probe_audio(io.BytesIO(data[:-10])).samples == 399 * 1152


def test_a_truncated_mp3_has_the_length_of_its_frames():
    data = encoded(SWEEP, "MP3")
    cut = data[: len(data) * 3 // 5]
    read = len(soundfile.read(io.BytesIO(cut))[0])
    assert read - 2000 < probe_audio(io.BytesIO(cut)).samples <= read


def test_raw_aac_is_counted():
    silence_first = np.concatenate([0 * SWEEP, 0 * SWEEP, SWEEP])
    file = aac(silence_first, "adts")
    assert probe_audio(file).samples == pytest.approx(len(silence_first), abs=3072)


def test_two_mp4_files_in_one_are_rejected():
    data = aac(SWEEP, "mp4").getvalue()
    assert probe_audio(io.BytesIO(data)).samples == pytest.approx(len(SWEEP), abs=1024)
    with pytest.raises(MediaError, match="another MP4 file follows") as error:
        probe_audio(io.BytesIO(data + data))
    assert error.value.reason == Reason.UNREADABLE


def test_two_wav_files_in_one_are_rejected():
    with pytest.raises(MediaError) as error:
        probe_audio(io.BytesIO(2 * encoded(SWEEP, "WAV")))
    assert error.value.reason == Reason.UNREADABLE


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_a_window_may_lie_in_streams_of_different_channels(kind):
    stereo = encoded(np.stack([SWEEP] * 2, axis=1), kind)
    joined = io.BytesIO(encoded(SWEEP, kind) + stereo + encoded(SWEEP, kind))
    alone = [soundfile.read(io.BytesIO(data))[0] for data in (encoded(SWEEP, kind), stereo)]
    window = read_window(joined, len(alone[0]) - 8000, SETTINGS)
    expected = np.concatenate([alone[0][-8000:], alone[1][:8000, 0]])
    np.testing.assert_allclose(window, expected, atol=1e-2)


def test_the_first_of_equal_flac_streams_is_read_from_its_own_samples():
    """libFLAC would find the last sample of the first one in the second one."""
    one, two = SWEEP, SWEEP[::-1]
    joined = io.BytesIO(encoded(one, "FLAC") + encoded(two, "FLAC"))
    window = read_window(joined, 15_000, SETTINGS)
    np.testing.assert_allclose(window, one[15_000:31_000], atol=2**-15)


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared media are not there")
@pytest.mark.parametrize(("name", "seconds"), [("vbr_noxing.mp3", 8.04), ("chained.opus", 24.0)])
def test_lengths_that_headers_do_not_state_are_counted(name, seconds):
    facts = probe_audio(CASES / name)
    assert facts.samples / facts.sample_rate_hz == pytest.approx(seconds, abs=0.03)
