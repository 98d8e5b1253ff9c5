"""Tests of M4A, WMA and sound of videos, which PyAV decodes, as clips."""

from __future__ import annotations

import io
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from facevoice.features import Reason, probe_audio, read_window
from tests.facevoice.features.clips import DEFAULT, NOISE, RATE_HZ, SECOND, clip, hum, rejection


def m4a(samples, rate_hz=RATE_HZ, codec="aac", kind="mp4", **options):
    """Samples [channels, samples] as an open file that PyAV has encoded."""
    layout = ["mono", "stereo"][len(samples) - 1]
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        stream.bit_rate = 96_000
        wanted = stream.codec_context.format.name
        resampler = av.AudioResampler(format=wanted, layout=layout, rate=rate_hz)
        for part in [*resampler.resample(frame), None]:
            container.mux(stream.encode(part))
    file.seek(0)
    return file


def decoded_whole(file):
    file.seek(0)
    with av.open(file) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    file.seek(0)
    return np.concatenate(frames, axis=1).mean(axis=0)


@pytest.mark.parametrize("rate_hz", [16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_windows_of_an_m4a_have_the_right_position(rate_hz, channels):
    sound = hum(5, rate_hz)
    file = m4a(np.stack([sound] * channels), rate_hz)
    facts = probe_audio(file)
    assert facts.sample_rate_hz == rate_hz
    assert facts.samples == pytest.approx(len(sound), abs=rate_hz / 1000)  # MP4 says it in ms
    for start in (2000, 16_001, 40_000):  # the codec smears what begins at once
        file.seek(0)
        window = read_window(file, start, SECOND)
        np.testing.assert_allclose(window, hum()[start : start + RATE_HZ], atol=0.02)


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}])
@pytest.mark.parametrize("kind", ["mp4", "adts"])
def test_a_window_of_an_m4a_equals_that_slice_of_the_whole(kind, options):
    file = m4a(np.tile(NOISE, 5)[None], kind=kind, **(options if kind == "mp4" else {}))
    whole = decoded_whole(file)
    for start in (0, 1023, 50_000, 200_000, 350_001):  # the last two lie beyond what is skipped
        window = read_window(file, start, SECOND)
        np.testing.assert_allclose(window, whole[start : start + RATE_HZ], atol=1e-6)
        file.seek(0)


def test_a_lossless_m4a_gives_the_recorded_samples_to_its_end():
    file = m4a(NOISE[None], codec="alac")
    assert probe_audio(file).samples == len(NOISE)
    file.seek(0)
    window = read_window(file, 60_000, DEFAULT)
    np.testing.assert_allclose(window, np.tile(NOISE[60_000:], 3)[:48_000], atol=2**-15)


def test_wma_and_the_audio_track_of_a_video_are_read(tmp_path):
    for name, file in {
        "clip.wma": m4a(hum(5, 44100)[None], 44100, codec="wmav2", kind="asf"),
        "clip.wav": m4a(hum()[None]),  # the content counts, not the name
    }.items():
        (tmp_path / name).write_bytes(file.getvalue())
        assert read_window(tmp_path / name, 16_000, SECOND).std() == pytest.approx(0.14, abs=0.01)


def test_a_truncated_or_damaged_m4a_is_unreadable_or_gives_the_remaining_samples():
    whole = m4a(NOISE[None]).getvalue()
    for cut in (8, 100, len(whole) // 2):  # the index comes last
        assert rejection(io.BytesIO(whole[:cut])).reason == Reason.UNREADABLE
    left = m4a(NOISE[None], kind="adts").getvalue()[:20_000]
    np.testing.assert_allclose(
        read_window(io.BytesIO(left), 0, SECOND),
        read_window(m4a(NOISE[None], kind="adts"), 0, SECOND),
        atol=1e-6,
    )


def test_a_playlist_named_m4a_is_unreadable(tmp_path):
    (tmp_path / "secret.wav").write_bytes(clip(NOISE).getvalue())
    path = tmp_path / "list.m4a"
    path.write_text(f"#EXTM3U\n#EXTINF:5,\n{tmp_path / 'secret.wav'}\n#EXT-X-ENDLIST\n")
    assert rejection(path).reason == Reason.UNREADABLE


def test_without_pyav_the_error_of_an_m4a_says_what_to_install(monkeypatch):
    file = m4a(NOISE[None])
    monkeypatch.setitem(sys.modules, "av", None)
    error = rejection(file)
    assert error.reason == Reason.UNREADABLE
    assert "facevoice[m4a]" in error.detail
