"""Tests of clips that are damaged, truncated, no clips at all, or whose header is wrong."""

from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from facevoice.features import FeatureSettings, MediaError, Reason, probe_audio, read_window
from tests.facevoice.features.clips import DEFAULT, NOISE, RATE_HZ, SECOND, clip, rejection

NOT_A_CLIP = np.random.default_rng(3).bytes(50_000)


@pytest.mark.parametrize("name", ["c.wav", "c.flac", "c.au", "c.snd", "c.gsm", "c.vox", "c.raw"])
@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", b"<!DOCTYPE html><title>404</title>", NOT_A_CLIP, clip(NOISE).getvalue()[:30]],
    ids=["empty", "start", "html", "noise", "half header"],
)
def test_other_files_are_unreadable_whatever_their_name(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    error = rejection(path)
    assert error.reason == Reason.UNREADABLE
    assert error.detail
    assert str(tmp_path) not in str(error)
    with pytest.raises(MediaError):
        probe_audio(path)


def test_missing_files_and_directories_are_unreadable_without_their_path(tmp_path):
    for path in (tmp_path / "missing.wav", tmp_path):
        error = rejection(path)
        assert error.reason == Reason.UNREADABLE
        assert str(tmp_path) not in str(error)


def test_an_open_file_is_read_again():
    file = clip(NOISE)
    file.seek(0)
    samples = probe_audio(file).samples
    window = read_window(file, 0, SECOND)
    np.testing.assert_array_equal(read_window(file, 0, SECOND), window)
    assert probe_audio(file).samples == samples


def test_a_wav_header_with_too_many_samples_gives_those_in_the_file():
    data = bytearray(clip(NOISE[:20_000], subtype="PCM_16").getvalue())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 2_000_000_000)
    window = read_window(io.BytesIO(data), 0, DEFAULT)
    np.testing.assert_allclose(window[:20_000], NOISE[:20_000], atol=2**-15)
    np.testing.assert_array_equal(window[20_000:40_000], window[:20_000])
    assert rejection(io.BytesIO(data), start=20_000).reason == Reason.TOO_SHORT


def flac_that_claims(samples):
    """NOISE as FLAC; 36 bits of its header, from the middle of byte 21, are the length."""
    data = bytearray(clip(NOISE, subtype="PCM_16", kind="FLAC").getvalue())
    data[21:26] = (data[21] >> 4 << 36 | samples).to_bytes(5, "big")
    return io.BytesIO(data)


@pytest.mark.parametrize("claim", [0, 10**9, 2**36 - 1])  # 0 is what a recorder writes to a pipe
@pytest.mark.parametrize("trim_silence_db", [None, 60.0])
def test_a_length_that_is_unknown_or_absurd_is_counted(claim, trim_silence_db):
    assert probe_audio(flac_that_claims(claim)).samples == len(NOISE)
    settings = FeatureSettings(trim_silence_db=trim_silence_db)
    for start in (0, 60_000):
        window = read_window(flac_that_claims(claim), start, settings)[: len(NOISE) - start]
        np.testing.assert_allclose(window, NOISE[start : start + 48000], atol=2**-15)
    assert rejection(flac_that_claims(claim), settings, 10**10).reason == Reason.TOO_SHORT


@pytest.mark.parametrize("trim_silence_db", [None, 60.0])
def test_memory_does_not_grow_with_the_number_of_channels(trim_silence_db):
    settings = FeatureSettings(trim_silence_db=trim_silence_db, window_seconds=2)
    wide = np.repeat(np.arange(32_000, dtype=np.int16)[:, None], 1000, axis=1)
    file = clip(wide, subtype="PCM_16")  # 64 MB
    read_window(clip(NOISE), 0, settings)  # imports
    tracemalloc.start()
    window = read_window(file, 0, settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(window[-1000:], np.arange(31_000, 32_000) / 32768, atol=1e-4)
    assert peak < 60e6  # all channels as floats take 128 MB


@pytest.mark.parametrize("start", [0, 30_000, 79_000])
def test_a_flac_truncated_within_the_window_is_unreadable(start):
    data = clip(NOISE, subtype="PCM_16", kind="FLAC").getvalue()
    assert rejection(io.BytesIO(data[: len(data) // 3]), start=start).reason == Reason.UNREADABLE


@pytest.mark.parametrize("kind", ["OGG", "MP3"])
def test_a_truncated_lossy_clip_gives_the_remaining_samples(kind):
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}[kind]
    data = clip(NOISE, subtype=subtype, kind=kind).getvalue()
    cut = data[: len(data) * 3 // 5]
    whole, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    np.testing.assert_allclose(read_window(io.BytesIO(cut), 0, SECOND), whole[:16000], atol=1e-6)
    assert rejection(io.BytesIO(cut), start=70_000).reason == Reason.TOO_SHORT


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS", "MPEG_LAYER_III"])
@pytest.mark.parametrize("start", [18_000, 90_000, 126_000, 143_999])
def test_a_late_window_of_a_lossy_clip_is_exact(subtype, start):
    t = np.arange(10 * RATE_HZ) / RATE_HZ
    sweep = 0.3 * np.sin(2 * np.pi * (200 * t + 20 * t**2))
    file = clip(sweep, subtype=subtype, kind="MP3" if "MPEG" in subtype else "OGG")
    whole, _ = soundfile.read(file, dtype="float32")
    file.seek(0)
    np.testing.assert_allclose(
        read_window(file, start, SECOND), whole[start : start + RATE_HZ], atol=1e-6
    )
