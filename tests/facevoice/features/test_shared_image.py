"""Several crops of an image file are those of separate files, with less work."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facevoice.features import FeatureSettings, MediaError, extract_face, face_detection
from facevoice.features import shared_image as module
from facevoice.features.shared_image import SharedImage
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE

SMALL = FeatureSettings(image_size=32, face_detector="blazeface")
LARGE = FeatureSettings(image_size=150, face_detector="blazeface", face_crop=0.9)
CENTRE = FeatureSettings()


def photograph(size, face_px):
    spots = np.random.default_rng(0).integers(90, 150, (6, 8, 3), np.uint8)
    picture = Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)
    face = Image.open(io.BytesIO(face_jpeg(PEOPLE[0].face, 0, 0, 0)))
    picture.paste(face.resize((face_px, face_px)), (size[0] // 2, size[1] // 4))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture
def calls(monkeypatch):
    """What is decoded, by `enough_px`, and how often the detector is asked."""
    found = {"decoded": [], "searched": 0}
    decode, search = module.open_image, face_detection.detect_faces

    def open_image(source, enough_px=None):
        found["decoded"].append(enough_px)
        return decode(source, enough_px)

    def detect_faces(image, thorough=False):
        found["searched"] += 1
        return search(image, thorough)

    monkeypatch.setattr(module, "open_image", open_image)
    monkeypatch.setattr(face_detection, "detect_faces", detect_faces)
    return found


@pytest.mark.parametrize("size", [(480, 360), (2048, 1536)])
def test_two_crops_are_those_of_separate_files(size, calls):
    content = photograph(size, size[1] // 3)
    shared = SharedImage(io.BytesIO(content))
    both = [extract_face(shared, settings) for settings in (SMALL, LARGE)]
    assert calls["searched"] == 1
    decoded = list(calls["decoded"])
    for settings, found in zip((SMALL, LARGE), both, strict=True):
        alone = extract_face(io.BytesIO(content), settings)
        np.testing.assert_array_equal(found.pixels, alone.pixels)
        np.testing.assert_array_equal(found.detected.points, alone.detected.points)
    # The large file is searched at a reduced size, which is enough for the small crop only.
    assert len(decoded) == (1 if size[0] < 1000 else 2)


def test_a_centred_crop_and_a_search_decode_a_small_image_once(calls):
    content = photograph((480, 360), 120)
    shared = SharedImage(io.BytesIO(content))
    centred = extract_face(shared, CENTRE)
    extract_face(shared, SMALL)
    shared.decode()
    assert len(calls["decoded"]) == 1
    alone = extract_face(io.BytesIO(content), CENTRE)
    np.testing.assert_array_equal(centred.pixels, alone.pixels)


def test_another_search_is_another_result(calls):
    shared = SharedImage(io.BytesIO(photograph((480, 360), 120)))
    for settings in (SMALL, replace(SMALL, several_faces="reject")):
        extract_face(shared, settings)
    assert calls["searched"] == 2
    assert len(calls["decoded"]) == 1


def test_an_image_without_a_face_is_rejected_each_time(calls):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(file, "PNG")
    shared = SharedImage(file)
    for settings in (SMALL, LARGE):
        with pytest.raises(MediaError, match="no face"):
            extract_face(shared, settings)
    assert calls["searched"] == len(calls["decoded"]) == 1
