"""The face encoder computes what dlib computes."""

from __future__ import annotations

import numpy as np

from facevoice.encoders.dlib_resnet import DlibResnet
from facevoice.encoders.registry import image_encoder
from tests.facevoice.encoders.inputs import drawn_face, references


def test_embeddings_are_those_of_dlib():
    encoder = image_encoder("dlib_resnet")
    for person, expected in enumerate(references("faces")):
        np.testing.assert_allclose(encoder(drawn_face(person)), expected, atol=1e-5)


def test_an_embedding_does_not_depend_on_other_faces():
    encoder = image_encoder("dlib_resnet")
    first = encoder(drawn_face(0))
    encoder(drawn_face(1))
    np.testing.assert_array_equal(encoder(drawn_face(0)), first)
    np.testing.assert_array_equal(DlibResnet()(drawn_face(0)), first)
