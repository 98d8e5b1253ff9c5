"""The voice encoder computes what Resemblyzer computes, apart from its removal of pauses."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from facevoice.encoders import ge2e
from facevoice.encoders.mel import mel_filterbank
from facevoice.encoders.registry import audio_encoder
from tests.facevoice.encoders.inputs import SECONDS, references, sound


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_embeddings_are_those_of_resemblyzer():
    encoder = audio_encoder("ge2e")
    for seconds, expected in zip(SECONDS, references("voices"), strict=True):
        np.testing.assert_allclose(unit(encoder(sound(seconds))), expected, atol=1e-5)


def test_an_embedding_does_not_depend_on_other_windows():
    encoder = audio_encoder("ge2e")
    first = encoder(sound(1.0))
    encoder(sound(3.0))
    np.testing.assert_array_equal(encoder(sound(1.0)), first)


def test_the_filterbank_and_the_spectrogram_are_those_of_librosa():
    np.testing.assert_allclose(
        mel_filterbank(16000, 400, 40),
        librosa.filters.mel(sr=16000, n_fft=400, n_mels=40),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        ge2e.mel_spectrogram(sound(1.0)),
        librosa.feature.melspectrogram(
            y=sound(1.0), sr=16000, n_fft=400, hop_length=160, n_mels=40
        ).T,
        rtol=1e-3,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("seconds", "parts"), [(0.3, 1), (1.6, 1), (1.9, 1), (2.0, 2), (2.5, 2), (3.0, 3)]
)
def test_a_recording_is_cut_into_overlapping_parts(seconds, parts):
    """A part of which less than three quarters are covered is left out, unless it is alone."""
    found = ge2e.mel_parts(sound(seconds))
    assert found.shape == (parts, 160, 40)
    whole = ge2e.mel_spectrogram(ge2e.amplify(sound(seconds)))
    for index, part in enumerate(found):
        frames = whole[77 * index : 77 * index + 150]
        np.testing.assert_array_equal(part[: len(frames) - 2], frames[:-2])


def test_quiet_recordings_are_amplified_and_loud_ones_are_not_changed():
    loud = 10 * sound(1.0)
    assert np.sqrt(np.mean(loud**2)) > 10 ** (-30 / 20)
    np.testing.assert_array_equal(ge2e.amplify(loud), loud)
    quiet = ge2e.amplify(loud / 1000)
    assert 20 * np.log10(np.sqrt(np.mean(quiet**2))) == pytest.approx(-30, abs=1e-3)
