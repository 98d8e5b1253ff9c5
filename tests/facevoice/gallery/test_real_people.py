"""Galleries of real people, if a copy of their media is next to the repository."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from beam_pipelines.build import main as build
from facevoice.encoders.recorded import recorded_encoders
from facevoice.encoders.registry import ENCODERS, encoder_weights
from facevoice.evaluation.encoded import read_encoded
from facevoice.gallery.gallery import AUDIO, IMAGE
from tests.conftest import ONE_PROCESS
from tfdata import load_manifest
from tfdata.schema import SPLITS

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import galleries

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "voxreal10"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="no real corpus beside the repository"),
    pytest.mark.skipif(
        not all(map(encoder_weights, ENCODERS)), reason="no weights: python -m facevoice.weights"
    ),
]


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    """Pairs of ten people with the embeddings of both encoders."""
    output = tmp_path_factory.mktemp("real") / "set"
    flags = [f"--faces={CORPUS / 'unzippedFaces'}", f"--audio={CORPUS / 'wav'}"]
    flags += [f"--meta={CORPUS / 'vox1_meta.csv'}", f"--output={output}", "--pairs_per_person=100"]
    flags += ["--face_encoder=dlib_resnet", "--voice_encoder=ge2e"]
    assert build([*flags, *ONE_PROCESS]) == 0
    return output


@pytest.mark.parametrize(("count", "correct"), [(1, 0.99), (3, 0.995), (10, 0.995)])
def test_people_who_are_left_out_are_told_from_enrolled_ones(data_set, count, correct):
    manifest = load_manifest(data_set)
    encoders = recorded_encoders(manifest)
    encoded = read_encoded(data_set, manifest, SPLITS)
    found = galleries.identify(encoded, encoders, count, (IMAGE, AUDIO))
    assert found.queries > 1500
    assert found.correct >= correct
    assert found.auroc >= 0.99
    assert found.unknown_accepted < 0.02 < 0.9 < found.accepted
