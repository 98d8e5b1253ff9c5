"""Tests of clips whose header does not state their length, of joined streams, and of channels."""

from __future__ import annotations

import io
from pathlib import Path

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


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared media are not there")
@pytest.mark.parametrize(("name", "seconds"), [("vbr_noxing.mp3", 8.04), ("chained.opus", 24.0)])
def test_lengths_that_headers_do_not_state_are_counted(name, seconds):
    facts = probe_audio(CASES / name)
    assert facts.samples / facts.sample_rate_hz == pytest.approx(seconds, abs=0.03)
