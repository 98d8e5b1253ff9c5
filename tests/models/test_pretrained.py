"""The pretrained encoders as Keras models agree with those that the build runs."""

from __future__ import annotations

import keras
import numpy as np

from facevoice.encoders import ge2e
from facevoice.encoders.registry import audio_encoder, image_encoder
from facevoice.weights import DLIB_RESNET, GE2E, read_arrays
from models.face_encoder import face_encoder
from models.voice_encoder import voice_encoder
from tests.facevoice.encoders.inputs import drawn_face, sound


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_a_saved_face_encoder_agrees_with_the_runtime(tmp_path):
    model = face_encoder(read_arrays(DLIB_RESNET))
    assert model.count_params() == sum(a.size for a in read_arrays(DLIB_RESNET).values())
    faces = np.stack([drawn_face(0), drawn_face(1)])
    expected = unit(np.stack([image_encoder("dlib_resnet")(face) for face in faces]))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(faces, verbose=0), expected, atol=1e-3)


def test_the_voice_encoder_agrees_with_the_runtime():
    model = voice_encoder(read_arrays(GE2E))
    parts = model.predict(ge2e.mel_parts(sound(3.0)), verbose=0)
    expected = unit(audio_encoder("ge2e")(sound(3.0)))
    np.testing.assert_allclose(unit(parts.mean(axis=0)), expected, atol=1e-3)
