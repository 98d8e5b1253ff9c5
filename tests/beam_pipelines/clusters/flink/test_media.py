"""Videos, face detector, voice activity and encoders on Flink, with weights at another place."""

from __future__ import annotations

from tests.beam_pipelines.clusters import builds, media
from tests.beam_pipelines.media_corpus import write_media_corpus
from tests.conftest import SMALL


def test_workers_with_staged_weights_write_the_same_bytes(cluster, build, tmp_path):
    media.compare(cluster, build, tmp_path)


def test_workers_without_weights_are_one_line_before_the_build(cluster, tmp_path):
    corpus = write_media_corpus(tmp_path / "corpus", videos=0)
    flags = [flag for flag in corpus.flags if not flag.startswith("--videos")]
    workers = builds.by_process({"FACEVOICE_CACHE": str(tmp_path / "nothing")})
    error = builds.refused(cluster, tmp_path / "there", *SMALL, *flags, *workers)
    assert "blazeface-weights missing" in error
    assert "facevoice.weights" in error
