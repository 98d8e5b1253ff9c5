"""Builds store embeddings of faces and windows, and name the encoders."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from PIL import Image

from beam_pipelines.build import main
from beam_pipelines.errors import BuildError
from beam_pipelines.shards import fingerprints
from facevoice.encoders import registry
from facevoice.encoders.base import EncoderInfo
from facevoice.encoders.media import embed_face, embed_window
from facevoice.encoders.registry import encoder_info
from facevoice.features import FeatureSettings, read_window
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE
from tests.conftest import ONE_PROCESS, SMALL, write_face
from tests.facevoice.encoders.inputs import sound
from tests.tools import files_of
from tfdata import load_manifest
from tfdata.examples import read_examples

BOTH = ["--face_encoder=dlib_resnet", "--voice_encoder=ge2e"]
FLAGS = [*SMALL, "--split_fractions=100,0,0", "--window_seconds=1"]


class MeanColour:
    """An encoder of one's own."""

    info = EncoderInfo("mean colour", "1", "0", 3, "image")
    features = FeatureSettings(image_size=32, face_detector="blazeface")

    def __call__(self, image):
        return image.mean(axis=(0, 1))


OWN = f"{__name__}:MeanColour"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two people with two videos each, as crops; one of the crops has no face."""
    root = tmp_path_factory.mktemp("crops")
    for person, name in enumerate(("Ann", "Ben")):
        for video in range(2):
            path = root / "faces" / name / "1.6" / f"video{video}" / "0.jpg"
            path.parent.mkdir(parents=True)
            drawn = Image.open(io.BytesIO(face_jpeg(PEOPLE[person].face, person, video, 0)))
            drawn.resize((160, 160)).save(path, quality=95)
            clip = root / "audio" / name / f"video{video}" / "0.wav"
            clip.parent.mkdir(parents=True)
            soundfile.write(clip, sound(1.0 + 0.1 * person + 0.05 * video), 16000)
    write_face(root / "faces" / "Ben" / "1.6" / "video1" / "0.jpg", 1, (160, 160))
    return root


def build(corpus, output, *flags):
    trees = [f"--faces={corpus / 'faces'}", f"--audio={corpus / 'audio'}", f"--output={output}"]
    return main([*trees, *FLAGS, *ONE_PROCESS, *flags])


@pytest.fixture(scope="module")
def dataset(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(corpus, output, *BOTH) == 0
    return output


def examples(dataset):
    manifest = load_manifest(dataset)
    return list(read_examples(dataset, manifest, manifest.shards))


def test_records_have_the_embeddings_of_their_media(dataset, corpus):
    settings = FeatureSettings(window_seconds=1)
    found = examples(dataset)
    assert len(found) == 4
    for example in found:
        face = embed_face(corpus / "faces" / example.face_source, "dlib_resnet", or_centre=True)
        np.testing.assert_array_equal(example.embeddings.image, face.embedding)
        assert example.embeddings.is_centred == face.is_centred
        samples = read_window(
            corpus / "audio" / example.audio_source, example.window_start_samples, settings
        )
        window = embed_window(samples, 16000, "ge2e")
        np.testing.assert_array_equal(example.embeddings.audio, window)


def test_crops_without_a_face_are_marked_and_counted(dataset):
    centred = [
        example.face_source for example in examples(dataset) if example.embeddings.is_centred
    ]
    assert centred == ["Ben/1.6/video1/0.jpg"]
    assert load_manifest(dataset).encoders["image"].centred == 1


def test_the_manifest_names_the_encoders(dataset):
    fields = json.loads((dataset / "dataset.json").read_text())
    for modality, name in (("image", "dlib_resnet"), ("audio", "ge2e")):
        info = encoder_info(name)
        described = fields["encoders"][modality]
        assert described | {"modality": modality, "centred": 0} == vars(info) | {"centred": 0}
        assert fields["record"]["features"][f"{modality}_embedding"]["shape"] == [info.dimension]
    assert {"dlib_resnet-weights", "ge2e-weights", "blazeface-weights"} <= fields["software"].keys()
    assert fields["features"]["face_encoder"] == "dlib_resnet"


def test_everything_else_is_as_without_encoders(dataset, corpus, tmp_path):
    assert build(corpus, tmp_path / "plain") == 0
    fields = json.loads((tmp_path / "plain" / "dataset.json").read_text())
    assert "encoders" not in fields
    assert not {"face_encoder", "voice_encoder"} & fields["features"].keys()
    assert not any("embedding" in name for name in fields["record"]["features"])
    for plain, encoded in zip(examples(tmp_path / "plain"), examples(dataset), strict=True):
        assert plain.embeddings.image is plain.embeddings.audio is None
        assert plain.key == encoded.key
        np.testing.assert_array_equal(plain.image, encoded.image)
        np.testing.assert_array_equal(plain.spectrogram, encoded.spectrogram)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_files_are_equal_for_any_number_of_workers(dataset, corpus, tmp_path, workers):
    """Each worker process loads its encoders."""
    trees = [f"--faces={corpus / 'faces'}", f"--audio={corpus / 'audio'}"]
    mode = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    command = [sys.executable, "-m", "beam_pipelines.build", f"--output={tmp_path / 'set'}"]
    subprocess.run([*command, *trees, *FLAGS, *BOTH, *mode], check=True, timeout=300)
    assert len(load_manifest(dataset).shards) > 1
    assert files_of(tmp_path / "set") == files_of(dataset)


def test_a_photograph_without_a_face_is_rejected(corpus, tmp_path):
    assert build(corpus, tmp_path / "set", *BOTH, "--face_detector=blazeface") == 0
    found = examples(tmp_path / "set")
    assert len(found) == 3
    assert not any(example.embeddings.is_centred for example in found)


def test_encoders_of_ones_own(corpus, tmp_path):
    assert build(corpus, tmp_path / "set", f"--face_encoder={OWN}") == 0
    encoder = load_manifest(tmp_path / "set").encoders["image"]
    assert (encoder.name, encoder.version, encoder.dimension) == (OWN, "1", 3)
    assert len(load_manifest(tmp_path / "set").software[f"{OWN}-source"]) == 64
    assert all(example.embeddings.image.shape == (3,) for example in examples(tmp_path / "set"))


OWN_SOURCE = """
from tests.beam_pipelines.test_encoders import MeanColour

class Own(MeanColour):
    threshold = {}
"""


def test_a_change_of_ones_own_encoder_changes_plans_and_is_found_on_workers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_encoder", raising=False)
    features = FeatureSettings(face_encoder="own_encoder:Own")

    def job_with(threshold):
        (tmp_path / "own_encoder.py").write_text(OWN_SOURCE.format(threshold))
        registry.encoder_source.cache_clear()
        fingerprints.software.cache_clear()
        code, packages = fingerprints.worker_code(), fingerprints.software(features)
        return fingerprints.Job(tmp_path, tmp_path, tmp_path, features, 1, "", code, packages)

    plan = fingerprints.ShardPlan("train", 0, ())
    first, second = job_with(1), job_with(2)
    assert fingerprints.plan_digest(plan, first) != fingerprints.plan_digest(plan, second)
    fingerprints.check_software(second)
    with pytest.raises(BuildError, match=r"own_encoder:Own-source .* instead of"):
        fingerprints.check_software(first)
    fingerprints.software.cache_clear()
    sys.modules.pop("own_encoder")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--face_encoder=dlib_resnt", "did you mean dlib_resnet?"),
        ("--voice_encoder=dlib_resnet", "of the modality 'image', not 'audio'; use ge2e"),
        ("--voice_encoder=no.such:name", "cannot be imported"),
    ],
)
def test_an_encoder_that_cannot_be_used_is_an_error_of_one_line(
    corpus, tmp_path, capsys, flag, message
):
    assert build(corpus, tmp_path / "set", flag) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {flag.partition('=')[0]}: ")
    assert message in line
    assert not (tmp_path / "set").exists()


def test_a_dry_run_names_encoders_and_weights(corpus, tmp_path, capsys):
    assert build(corpus, tmp_path / "set", *BOTH, "--dry_run") == 0
    printed = capsys.readouterr().out
    assert f"voice encoder ge2e 0.1.4 (weights {encoder_info('ge2e').digest})" in printed
    assert "face encoder dlib_resnet 0.3.0" in printed
    assert "embeddings of 128 numbers" in printed


def test_the_plan_changes_with_the_encoder(tmp_path):
    job = fingerprints.Job(tmp_path, tmp_path, tmp_path, FeatureSettings(), 1, "", "", {})
    plan = fingerprints.ShardPlan("train", 0, ())
    encoded = replace(job, features=FeatureSettings(face_encoder="dlib_resnet"))
    assert fingerprints.plan_digest(plan, job) != fingerprints.plan_digest(plan, encoded)
