"""Windows are moved to speech."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
import soxr

from facevoice.features import FeatureSettings
from facevoice.features.voice_activity import FRAME_SAMPLES, find_windows, first_window
from facevoice.sample_corpus.channels import clip_wav
from facevoice.sample_corpus.people import PEOPLE

SETTINGS = FeatureSettings(window_seconds=1.024, voice_activity="silero")  # 32 frames
WINDOW = SETTINGS.window_samples
RATE_HZ = SETTINGS.sample_rate_hz


def frames(*runs):
    """Frames of a clip: (number, whether they are speech), ..."""
    return np.concatenate([np.full(number, speech, np.bool_) for number, speech in runs])


def found(is_speech, earliest=0, whole=True, settings=SETTINGS):
    samples = len(is_speech) * FRAME_SAMPLES if whole else None
    return first_window(is_speech, earliest, samples, settings)


def test_a_window_of_speech_stays():
    window = found(frames((64, True)))
    assert (window.start_samples, window.speech_share) == (0, 1.0)


def test_a_window_without_enough_speech_begins_where_speech_begins():
    window = found(frames((40, False), (40, True)))
    assert (window.start_samples, window.speech_share) == (40 * FRAME_SAMPLES, 1.0)


def test_a_window_with_half_of_speech_stays():
    window = found(frames((16, False), (48, True)))
    assert (window.start_samples, window.speech_share) == (0, 0.5)


def test_speech_at_the_end_of_a_clip_is_reached_by_the_last_window():
    window = found(frames((80, False), (20, True)))
    assert window.start_samples == 100 * FRAME_SAMPLES - WINDOW - 1
    assert window.speech_share == pytest.approx(20 / 32, abs=0.01)


def test_too_little_speech_has_no_window():
    assert found(frames((60, False), (15, True))) is None
    least = FeatureSettings(window_seconds=1.024, voice_activity="silero", min_speech=0.4)
    assert found(frames((60, False), (15, True)), settings=least) is not None


def test_the_next_window_begins_no_earlier_than_asked():
    window = found(frames((100, True)), earliest=WINDOW)
    assert window.start_samples == WINDOW
    assert found(frames((40, True)), earliest=WINDOW) is None


def test_a_clip_that_is_shorter_than_a_window_has_one():
    window = found(frames((10, True), (10, False)))
    assert window.start_samples == 0
    assert window.speech_share == pytest.approx(0.5, abs=0.01)


def test_a_window_that_ends_behind_the_frames_waits_for_more():
    assert found(frames((31, True)), whole=False) is None
    assert found(frames((32, True)), whole=False) is not None


@pytest.fixture(scope="module")
def voice():
    """A voice of the sample corpus, at RATE_HZ."""
    samples, _ = soundfile.read(io.BytesIO(clip_wav(PEOPLE[0].voice, 0, 0, 0)), dtype="float32")
    return samples


def wav(samples, rate_hz=RATE_HZ):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    file.seek(0)
    return file


def noise(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.02, round(seconds * RATE_HZ)).astype(np.float32)


def test_noise_before_and_between_voices_is_passed_over(voice):
    clip = np.concatenate([noise(4), voice, noise(4, 1), voice])
    first, second = find_windows(wav(clip), SETTINGS, 2 * WINDOW, 2)
    assert 4 * RATE_HZ - 0.7 * WINDOW < first.start_samples < 4 * RATE_HZ + len(voice) - WINDOW / 2
    assert second.start_samples >= first.start_samples + 2 * WINDOW
    assert min(first.speech_share, second.speech_share) >= SETTINGS.min_speech


@pytest.mark.parametrize(
    "samples",
    [
        noise(5),
        np.cumsum(noise(5)) * 0.01,
        0.1 * sum(np.sin(2 * np.pi * hz * np.arange(80_000) / RATE_HZ) for hz in (220, 277, 330)),
    ],
    ids=["white noise", "brown noise", "a chord"],
)
def test_noise_and_tones_are_no_speech(samples):
    assert find_windows(wav(samples), SETTINGS, WINDOW) == []


def test_windows_do_not_depend_on_their_number_or_on_earlier_clips(voice):
    clip = np.concatenate([noise(1), voice, noise(2, 1), voice, voice])
    every = find_windows(wav(clip), SETTINGS, WINDOW)
    assert len(every) > 3
    for count in range(1, len(every)):
        assert find_windows(wav(clip), SETTINGS, WINDOW, count) == every[:count]


def test_the_sample_rate_of_the_file_hardly_matters(voice):
    clip = np.concatenate([noise(2), voice])
    (expected,) = find_windows(wav(clip), SETTINGS, WINDOW, 1)
    louder = wav(soxr.resample(clip, RATE_HZ, 44_100), 44_100)
    (resampled,) = find_windows(louder, SETTINGS, WINDOW, 1)
    assert abs(resampled.start_samples - expected.start_samples) <= 2 * FRAME_SAMPLES
