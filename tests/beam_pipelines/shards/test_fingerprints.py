"""Workers have the packages and the weights of the driver."""

from __future__ import annotations

import pytest

from beam_pipelines.errors import BuildError
from beam_pipelines.shards import fingerprints
from facevoice.features import FeatureSettings


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        (FeatureSettings(image_size=16, face_detector="blazeface"), "blazeface-weights"),
        (FeatureSettings(voice_encoder="ge2e"), "ge2e-weights"),
    ],
    ids=["face detector", "voice encoder"],
)
def test_a_worker_needs_the_weights_of_the_driver(monkeypatch, tmp_path, settings, weights):
    software = dict(fingerprints.software(settings))
    job = fingerprints.Job(
        tmp_path, tmp_path, tmp_path, settings, 1, "", fingerprints.worker_code(), software
    )
    fingerprints.check_software(job)
    monkeypatch.setenv("FACEVOICE_CACHE", str(tmp_path))
    fingerprints.software.cache_clear()
    try:
        with pytest.raises(BuildError, match=rf"{weights} missing .*facevoice\.weights"):
            fingerprints.check_software(job)
    finally:
        fingerprints.software.cache_clear()


def test_a_voice_encoder_needs_no_weights_of_the_face_detector():
    assert "blazeface-weights" not in fingerprints.software(FeatureSettings(voice_encoder="ge2e"))
