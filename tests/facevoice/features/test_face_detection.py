"""Faces are found wherever they are in a picture, and nothing else is.

The faces are those of the sample corpus, and one photograph that Matplotlib brings. Real crops are
tested where a corpus of them lies beside the repository.
"""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from facevoice import weights
from facevoice.features import (
    FeatureSettings,
    MediaError,
    Reason,
    extract_face,
    face_detection,
    read_face,
)
from facevoice.features.face_detection import detect_faces, tiles
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from tfdata.schema import POINT_NAMES

ROOT = Path(__file__).parents[3]
REAL = sorted((ROOT.parent / "shared" / "data" / "voxreal10").glob("unzippedFaces/*/1.6/*/*.jpg"))
CENTRED = FeatureSettings(image_size=64)
ALIGNED = FeatureSettings(image_size=64, face_detector="blazeface")
REJECTING = FeatureSettings(image_size=64, face_detector="blazeface", several_faces="reject")
# Places of eyes and mouth in the photograph, in pixels.
PHOTOGRAPH = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
EYES_AND_MOUTH = {"right_eye": (222, 190), "left_eye": (309, 186), "mouth": (267, 275)}


@cache
def drawn(person):
    return Image.open(io.BytesIO(face_jpeg(PEOPLE[person].face, person, 0, 0))).convert("RGB")


@cache
def backdrop(width, height):
    """Soft spots of many colours."""
    spots = np.random.default_rng(2).integers(60, 200, (height // 40, width // 40, 3))
    return Image.fromarray(spots.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def scene(size, *faces):
    """A picture with faces: (person, height in pixels, left, top, degrees)."""
    picture = backdrop(*size).copy()
    for person, height, left, top, degrees in faces:
        face = drawn(person)
        face = face.resize((round(face.width * height / face.height), height))
        mask = Image.new("L", face.size, 255).rotate(degrees, expand=True)
        picture.paste(face.rotate(degrees, Image.Resampling.BICUBIC, True), (left, top), mask)
    return picture


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file


def difference(one, other):
    return np.abs(one.astype(int) - other).mean()


def coarse(pixels):
    return np.asarray(Image.fromarray(pixels).resize((12, 12))).astype(int)


def reason(source, settings=ALIGNED):
    with pytest.raises(MediaError) as raised:
        read_face(source, settings)
    return raised.value.reason


def test_eyes_and_mouth_of_a_photograph_are_found():
    found = extract_face(PHOTOGRAPH, ALIGNED).detected
    for name, place in EYES_AND_MOUTH.items():
        assert np.hypot(*(found.points[POINT_NAMES.index(name)] * (512, 600) - place)) < 12, name
    left, top, right, bottom = found.box * (512, 600, 512, 600)
    assert 150 < left < 220 < 300 < right < 375
    assert 80 < top < 170 < 255 < bottom < 350
    assert found.score > 0.75


def test_the_crop_does_not_depend_on_where_the_face_is():
    """Also not on its size and tilt, apart from the accuracy of the points."""
    alone = coarse(read_face(encoded(drawn(0)), ALIGNED))
    for face in ((0, 240, 10, 200, 0), (0, 240, 390, 20, 25), (0, 130, 300, 300, -20)):
        source = encoded(scene((640, 480), face))
        assert difference(coarse(read_face(source, ALIGNED)), alone) < 20
        assert difference(coarse(read_face(source, CENTRED)), alone) > 30


def test_the_points_are_at_their_places_in_the_crop():
    picture = scene((640, 480), (3, 200, 400, 100, 15))
    crop = Image.fromarray(read_face(encoded(picture), FeatureSettings(face_detector="blazeface")))
    found = detect_faces(crop).scaled(1 / 128, 1 / 128)
    places = found.points[
        0, [POINT_NAMES.index(name) for name in ("right_eye", "left_eye", "mouth")]
    ]
    expected = (np.reshape(ALIGNED.aligned_points, (3, 2)) - 0.5) / ALIGNED.face_crop + 0.5
    np.testing.assert_allclose(places, expected, atol=0.05)


def test_face_crop_widens_the_crop():
    """The inner half of a crop that is twice as wide is the narrow crop."""
    source = encoded(scene((640, 480), (2, 300, 200, 100, 0)))
    narrow = read_face(source, FeatureSettings(64, 0.4, face_detector="blazeface"))
    wide = read_face(source, FeatureSettings(128, 0.8, face_detector="blazeface"))
    assert difference(wide[32:96, 32:96], narrow) < 2


def test_a_small_face_in_a_picture_of_12_megapixels_is_found():
    picture = scene((4000, 3000), (5, 110, 2710, 1930, 0))  # a face of 80 pixels
    for file in (encoded(picture, "JPEG", quality=90),):
        found = extract_face(file, ALIGNED).detected
        x, y = found.box.reshape(2, 2).mean(axis=0) * picture.size
        assert abs(x - 2760) < 30
        assert abs(y - 1990) < 30


@pytest.mark.parametrize("place", [(431, 287), (40, 30), (290, 200)])
def test_a_small_face_in_a_small_picture_is_found(place):
    head = Image.open(PHOTOGRAPH).crop((130, 60, 400, 380)).resize((54, 64))
    picture = backdrop(640, 480).copy()
    picture.paste(head, place)  # with a face of 35 pixels
    found = extract_face(encoded(picture, "JPEG", quality=90), ALIGNED).detected
    expected = (np.array(EYES_AND_MOUTH["mouth"]) - (130, 60)) / 5 + place
    mouth = found.points[POINT_NAMES.index("mouth")] * picture.size
    assert np.hypot(*(mouth - expected)) < 5


def test_a_large_jpeg_gives_the_crop_of_all_its_pixels(monkeypatch):
    photograph = Image.open(PHOTOGRAPH).resize((2048, 2400), Image.Resampling.BICUBIC)
    jpeg = encoded(photograph, "JPEG", quality=95)
    quick = read_face(jpeg, ALIGNED)
    monkeypatch.setattr("facevoice.features.image_decoding._use_draft_mode", lambda *_: None)
    assert 0 < difference(quick, read_face(jpeg, ALIGNED)) < 3


@pytest.mark.parametrize(
    "picture",
    [
        backdrop(640, 480),
        Image.new("RGB", (300, 200), (120, 90, 80)),
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)),
        Image.fromarray(np.indices((256, 256)).sum(axis=0).astype(np.uint8) // 32 * 36),
    ],
    ids=["spots", "one colour", "noise", "stripes"],
)
def test_where_no_face_is_none_is_found(picture):
    assert reason(encoded(picture)) == Reason.NO_FACE


def test_of_several_faces_the_largest_is_cropped_or_the_picture_rejected():
    picture = scene((640, 480), (0, 150, 30, 40, 0), (3, 300, 330, 150, 0))
    alone = read_face(encoded(scene((640, 480), (3, 300, 330, 150, 0))), ALIGNED)
    assert difference(read_face(encoded(picture), ALIGNED), alone) < 3
    assert reason(encoded(picture), REJECTING) == Reason.SEVERAL_FACES


def test_a_single_face_is_not_several():
    for person in (0, 3, 5):
        source = encoded(scene((640, 480), (person, 260, 100, 100, 0)))
        np.testing.assert_array_equal(read_face(source, REJECTING), read_face(source, ALIGNED))


def test_a_face_of_too_few_pixels_is_too_small():
    settings = FeatureSettings(face_crop=0.25, face_detector="blazeface")
    assert reason(encoded(drawn(0).resize((60, 62))), settings) == Reason.TOO_SMALL


def test_the_orientation_of_a_photograph_is_applied():
    picture = scene((640, 480), (0, 240, 390, 20, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    turned = encoded(picture.transpose(Image.Transpose.ROTATE_90), exif=exif)
    found, upright = (extract_face(file, ALIGNED) for file in (turned, encoded(picture)))
    np.testing.assert_array_equal(found.pixels, upright.pixels)
    np.testing.assert_array_equal(found.detected.box, upright.detected.box)


def test_threads_give_equal_bytes():
    sources = [encoded(scene((640, 480), (person, 200, 60, 60, 0))) for person in range(4)]
    alone = [read_face(source, ALIGNED) for source in sources]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda source: read_face(source, ALIGNED), sources))
    np.testing.assert_array_equal(together, alone)


def test_tiles_cover_the_picture_and_overlap():
    assert not tiles((400, 300))
    for width, height in ((4000, 3000), (801, 90), (700, 2500), (640, 480)):
        found = tiles((width, height))
        for length, starts in (
            (width, sorted({tile.left for tile in found})),
            (height, sorted({tile.top for tile in found})),
        ):
            assert starts[0] == 0
            assert starts[-1] + found[0].side == max(length, found[0].side)
            assert all(np.diff(starts) <= 0.75 * found[0].side)


def test_missing_weights_are_one_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path))
    monkeypatch.setattr(face_detection._interpreters, "by_model", {}, raising=False)
    with pytest.raises(weights.WeightsError, match=r"python -m facevoice\.weights"):
        read_face(PHOTOGRAPH, ALIGNED)


def test_a_missing_runtime_is_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setattr(face_detection._interpreters, "by_model", {}, raising=False)
    with pytest.raises(face_detection.DetectorError, match=r"\[faces\]"):
        read_face(PHOTOGRAPH, ALIGNED)


def test_the_detector_prints_nothing_and_needs_no_tensorflow():
    code = (
        "import sys; from facevoice.features import *;"
        f"read_face({PHOTOGRAPH!r}, FeatureSettings(face_detector='blazeface'));"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not REAL, reason="no corpus of real faces is beside the repository")
def test_every_real_crop_has_a_face():
    sample = REAL[::20]
    for path in sample:
        left, top, right, bottom = extract_face(path, ALIGNED).detected.box
        assert left < 0.5 < right
        assert top < 0.6 < bottom
        assert right - left > 0.4
