"""Builds search faces in photographs, and leave crops of faces as they are."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageColor

from beam_pipelines.build import main
from beam_pipelines.card import card_html
from beam_pipelines.corpus.trees import tree_at
from beam_pipelines.shards import fingerprints
from facevoice.features import FeatureSettings, extract_face, read_face
from facevoice.inspection.examples import feature_settings
from facevoice.inspection.originals import SHOWN
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from tests.conftest import ONE_PROCESS, SMALL, write_clip
from tests.html_pages import Page, check_accessible, decode_image
from tests.tools import read_records
from tfdata import inspect, load_manifest
from tfdata.examples import read_examples
from tfdata.schema import POINT_NAMES

FLAGS = [flag for flag in SMALL if not flag.startswith("--face_detector")]
FLAGS += ["--split_fractions=100,0,0"]
SETTINGS = FeatureSettings(image_size=16, face_detector="blazeface")


def write_photograph(path, faces, seed=0):
    """A photograph of some people of the sample corpus, away from its middle."""
    spots = np.random.default_rng(seed).integers(90, 150, (6, 8, 3), np.uint8)
    picture = Image.fromarray(spots).resize((480, 360), Image.Resampling.BICUBIC)
    for place, person in enumerate(faces):
        face = Image.open(io.BytesIO(face_jpeg(PEOPLE[person].face, person, seed, 0)))
        picture.paste(face.resize((160 - 40 * place,) * 2), (310 - 300 * place, 10 + 180 * place))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=92)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two people; one of the photographs has no face, and one has two."""
    root = tmp_path_factory.mktemp("photographs")
    for person in ("Ann", "Ben"):
        number = int(person == "Ben")
        for item in range(2):
            write_clip(root / "audio" / person / "video" / f"{item}.wav", 2 * number + item)
        write_photograph(root / "faces" / person / "video" / "alone.jpg", [number])
    write_photograph(root / "faces" / "Ann" / "video" / "landscape.jpg", [])
    write_photograph(root / "faces" / "Ann" / "video" / "spare.jpg", [0], seed=1)
    write_photograph(root / "faces" / "Ben" / "video" / "two.jpg", [1, 2])
    return root


def build(corpus, output, *flags):
    trees = [f"--faces={corpus / 'faces'}", f"--audio={corpus / 'audio'}", f"--output={output}"]
    return main([*trees, *FLAGS, *ONE_PROCESS, *flags])


@pytest.fixture(scope="module")
def dataset(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(corpus, output) == 0
    return output


def images(dataset):
    """Source to image, of all records."""
    return {
        record["face_source"].decode(): np.frombuffer(record["image"], np.uint8).reshape(16, 16, 3)
        for record in read_records(dataset, "train")
    }


def manifest(dataset):
    return json.loads((dataset / "dataset.json").read_text())


def rejects(dataset):
    lines = (dataset / "rejects.jsonl").read_text().splitlines()
    return {reject["path"]: reject["reason"] for reject in map(json.loads, lines)}


def test_photographs_are_searched_by_default(dataset, corpus):
    settings = feature_settings(load_manifest(dataset))  # those that predictions use
    assert settings.face_detector == "blazeface"
    found = images(dataset)
    assert found
    for source, image in found.items():
        np.testing.assert_array_equal(image, read_face(corpus / "faces" / source, settings))


def test_a_photograph_without_a_face_is_rejected_and_replaced(dataset):
    assert sum(person["pairs"]["train"] for person in manifest(dataset)["people"].values()) == 4
    assert "Ann/video/landscape.jpg" not in images(dataset)
    assert set(rejects(dataset).values()) <= {"no_face"}


def test_the_manifest_records_the_detector(dataset):
    fields = manifest(dataset)
    assert fields["features"]["face_detector"] == "blazeface"
    assert fields["features"]["several_faces"] == "largest"
    assert fields["features"]["aligned_points"] == list(SETTINGS.aligned_points)
    assert {"ai-edge-litert", "blazeface-weights"} <= fields["software"].keys()
    assert fields["software"]["blazeface-search"] == "2"


def test_records_have_box_points_and_score(dataset, corpus):
    described = manifest(dataset)["record"]["features"]
    assert described["face_points"]["rows"] == list(POINT_NAMES)
    opened = load_manifest(dataset)
    for example in read_examples(dataset, opened, opened.shards):
        expected = extract_face(corpus / "faces" / example.face_source, SETTINGS).detected
        np.testing.assert_array_equal(example.face.box, expected.box)
        np.testing.assert_array_equal(example.face.points, expected.points)
        assert example.face.score == expected.score


def test_the_card_draws_faces_on_their_originals(dataset, corpus):
    page = Page((dataset / "card.html").read_text())
    check_accessible(page)
    originals = [image for image in page.images if image["alt"].startswith("Original of")]
    assert [image["alt"].partition(",")[0] for image in originals] == [
        "Original of the face of Ann",
        "Original of the face of Ben",
    ]
    for image in originals:
        picture = decode_image(image)
        assert picture.size == (480, 360)
        # JPEG changes the colour of the box a little, and the photographs have none like it.
        is_shown = np.abs(np.asarray(picture, int) - ImageColor.getrgb(SHOWN)).max(axis=2) < 40
        assert 300 < is_shown.sum() < 5000
    opened = load_manifest(dataset)
    assert "could not be read" in card_html(dataset, opened)
    trees = {"face": tree_at(corpus / "audio")}  # without these files
    assert card_html(dataset, opened, trees) == card_html(dataset, opened)


def test_inspect_draws_faces_on_their_originals(dataset, corpus, tmp_path, capsys):
    flags = [str(dataset), f"--export={tmp_path / 'out'}", f"--faces={corpus / 'faces'}"]
    assert inspect.main([*flags, "--index=0"]) == 0
    assert "original.jpg" in capsys.readouterr().out
    assert Image.open(tmp_path / "out" / "original.jpg").size == (480, 360)
    assert inspect.main([*flags, "--person=Ann"]) == 0
    assert "person.png, person.html and originals.png" in capsys.readouterr().out
    assert (tmp_path / "out" / "originals.png").exists()
    assert inspect.main([*flags[:2], f"--faces={tmp_path}", "--index=0"]) == 1
    assert "--faces must be the directory" in capsys.readouterr().err


def test_photographs_of_several_people_are_rejected_if_asked(corpus, tmp_path):
    assert build(corpus, tmp_path / "set", "--several_faces=reject", "--pairs_per_person=1") == 0
    assert "Ben/video/two.jpg" not in images(tmp_path / "set")
    assert rejects(tmp_path / "set").get("Ben/video/two.jpg", "several_faces") == "several_faces"


def test_a_dry_run_names_the_detector_and_where_it_comes_from(corpus, tmp_path, capsys):
    assert build(corpus, tmp_path / "set", "--dry_run") == 0
    assert "face detector blazeface (by the corpus; --face_detector" in capsys.readouterr().out
    assert build(corpus, tmp_path / "set", "--dry_run", "--face_detector=none") == 0
    assert "centre of each image is cropped (--face_detector)" in capsys.readouterr().out


def nest(corpus, root, people):
    """The corpus with the photographs of some people below a level of crops, `1.6`."""
    for path in sorted((corpus / "faces").rglob("*.jpg")):
        person, below = path.relative_to(corpus / "faces").parts[0], path.parent.name
        level = "1.6" if person in people else "."
        target = root / "faces" / person / level / below / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (root / "audio").symlink_to(corpus / "audio")
    return root


def test_crops_of_voxceleb_are_not_searched(corpus, tmp_path, capsys):
    cropped = nest(corpus, tmp_path, {"Ann", "Ben"})
    assert build(cropped, tmp_path / "set", "--dry_run") == 0
    assert "no face detector: the centre" in capsys.readouterr().out


def test_crops_and_photographs_together_are_an_error(corpus, tmp_path, capsys):
    mixed = nest(corpus, tmp_path, {"Ben"})
    assert build(mixed, tmp_path / "set") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Ben has crops of faces" in line
    assert "Ann has other images" in line
    assert "--face_detector none" in line


@pytest.mark.parametrize("missing", ["runtime", "weights"])
def test_without_the_detector_one_line_gives_both_ways_on(
    corpus, tmp_path, capsys, monkeypatch, missing
):
    monkeypatch.setattr(
        "facevoice.features.face_detection._interpreters.by_model", {}, raising=False
    )
    if missing == "runtime":
        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    else:
        monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path / "cache"))
    assert build(corpus, tmp_path / "set") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert ("[faces]" if missing == "runtime" else "python -m facevoice.weights") in line
    assert "--face_detector none" in line
    assert not (tmp_path / "set").exists()


def test_a_setting_without_effect_is_an_error(corpus, tmp_path, capsys):
    flags = ["--face_detector=none", "--several_faces=reject"]
    assert build(corpus, tmp_path / "set", *flags) == 1
    assert "--several_faces has no effect" in capsys.readouterr().err


def test_the_plan_changes_with_the_detector_but_not_by_its_settings_without_one(tmp_path):
    job = fingerprints.Job(tmp_path, tmp_path, tmp_path, SETTINGS, 1, "", "", {})
    plan = fingerprints.ShardPlan("train", 0, ())

    def digest(**settings):
        return fingerprints.plan_digest(plan, replace(job, features=replace(SETTINGS, **settings)))

    assert digest() != digest(several_faces="reject") != digest(face_detector="none")
    assert digest(face_detector="none", several_faces="reject") == digest(face_detector="none")
