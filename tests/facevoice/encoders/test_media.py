"""Files become unit vectors, by encoders of the registry and by one's own."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest
import soundfile
from PIL import Image

from facevoice.encoders import registry
from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.media import embed_clip_file, embed_face, embed_face_file, embed_window
from facevoice.encoders.registry import (
    EncoderError,
    audio_encoder,
    encoder_info,
    image_encoder,
    is_installed,
)
from facevoice.features import FeatureSettings, MediaError, Reason
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from facevoice.weights import WeightsError
from tests.facevoice.encoders.inputs import sound


def photograph(person, left=0, width=400, item=0):
    """A JPEG with a face at some place of a grey wall."""
    face = Image.open(io.BytesIO(face_jpeg(PEOPLE[person].face, person, 0, item)))
    picture = Image.new("RGB", (width, 300), (120, 125, 130))
    picture.paste(face.resize((220, 220)), (left, 40))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file


def without_face():
    levels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).resize((160, 200), Image.Resampling.BICUBIC).save(file, "PNG")
    return file


def reason(call):
    with pytest.raises(MediaError) as raised:
        call()
    return raised.value.reason


def test_a_face_is_encoded_wherever_it_is():
    here, there = (embed_face(photograph(0, left), "dlib_resnet").embedding for left in (0, 170))
    assert not embed_face(photograph(0), "dlib_resnet", or_centre=True).is_centred
    assert here.shape == (128,)
    assert here.dtype == np.float32
    assert np.linalg.norm(here) == pytest.approx(1, abs=1e-6)
    other = embed_face(photograph(1), "dlib_resnet").embedding
    assert here @ there > 0.99 > here @ other


def test_the_centre_is_encoded_only_if_asked(tmp_path):
    path = tmp_path / "wall.png"
    path.write_bytes(without_face().getvalue())
    assert reason(lambda: embed_face_file(path, "dlib_resnet")) == Reason.NO_FACE
    centred = embed_face(path, "dlib_resnet", or_centre=True)
    assert centred.is_centred
    assert np.linalg.norm(centred.embedding) == pytest.approx(1, abs=1e-6)


def test_each_window_of_a_clip_has_an_embedding(tmp_path):
    samples = sound(7.3)
    samples[16000 * 3 : 16000 * 6] = 0  # the second of two windows
    soundfile.write(tmp_path / "a.wav", samples, 16000, "FLOAT")
    found = embed_clip_file(tmp_path / "a.wav", "ge2e")
    assert found.shape == (1, 256)
    np.testing.assert_array_equal(found[0], embed_window(samples[: 16000 * 3], 16000, "ge2e"))
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    assert reason(lambda: embed_clip_file(tmp_path / "silent.wav", "ge2e")) == Reason.SILENT
    (tmp_path / "text.wav").write_text("text")
    assert reason(lambda: embed_clip_file(tmp_path / "text.wav", "ge2e")) == Reason.UNREADABLE


def test_windows_of_other_sample_rates_are_resampled():
    time = np.arange(48000 * 2) / 48000
    wave = (0.1 * np.sin(2 * np.pi * 300 * time) * (1 + np.sin(20 * time))).astype(np.float32)
    at_48, at_16 = embed_window(wave, 48000, "ge2e"), embed_window(wave[::3], 16000, "ge2e")
    np.testing.assert_allclose(at_48, at_16, atol=0.01)


class MeanColour:
    """An encoder of one's own."""

    info = EncoderInfo("tests:MeanColour", "1", "0", 3, "image")
    features = FeatureSettings(image_size=32, face_detector="blazeface")

    def __call__(self, image):
        return image.mean(axis=(0, 1))


class Zeros(MeanColour):
    def __call__(self, image):
        return np.zeros(3)


OWN = f"{__name__}:MeanColour"


def test_ones_own_encoder_is_named_by_its_module():
    assert encoder_info(OWN) == replace(MeanColour.info, name=OWN)
    assert not is_installed(OWN)
    assert image_encoder(OWN) is image_encoder(OWN)
    found = embed_face(photograph(0), OWN).embedding
    assert found.shape == (3,)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_entry_points_of_installed_packages_are_encoders(monkeypatch):
    """They are found by their name, and by what they stand for, as a file may record either."""
    points = EntryPoints([EntryPoint("mean_colour", OWN, registry.ENTRY_POINTS)])
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))
    assert encoder_info("mean_colour") == replace(MeanColour.info, name="mean_colour")
    assert is_installed("mean_colour")
    assert is_installed(OWN)
    with pytest.raises(EncoderError, match="did you mean mean_colour"):
        image_encoder("mean_color")
    registry._own_info.cache_clear()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dlib_resnett", "did you mean dlib_resnet?"),
        ("arcface", "there are dlib_resnet and ge2e"),
        ("no.such.module:name", "cannot be imported"),
        (f"{__name__}:no_such_name", "cannot be imported"),
        ("tests:__doc__", "not a class or a function"),
        ("builtins:list", "which has no `info`"),
        ("../x:y", "There is no encoder '../x:y'"),
        ("os:system", "os:system() fails (TypeError: "),
        ("ge2e", "of the modality 'audio', not 'image'; use dlib_resnet"),
        (f"{__name__}:Zeros", "norm 0"),
    ],
)
def test_encoders_that_cannot_be_used_are_errors_of_one_line(name, message):
    with pytest.raises(EncoderError) as raised:
        embed_face(photograph(0), name)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_weights_and_a_missing_runtime_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(registry._loaded, "by_name", {}, raising=False)
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"ge2e\.npz cannot be read .* facevoice\.weights"):
        audio_encoder("ge2e")
    monkeypatch.delenv("FACEVOICE_CACHE")
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(EncoderError, match=r"ai-edge-litert; .*\[encoders\]"):
        audio_encoder("ge2e")


def test_the_facts_of_an_encoder_need_no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path))
    assert encoder_info("dlib_resnet").dimension == 128
    assert encoder_info("ge2e").modality == "audio"
    assert len({encoder_info(name).digest for name in registry.ENCODERS}) == 2
