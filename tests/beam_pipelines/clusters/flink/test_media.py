"""Face detector, voice activity and videos on a cluster, with weights at another place."""

from __future__ import annotations

import shutil

from facevoice.weights import BLAZEFACE
from facevoice.weights.cache import weights_dir
from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.media_corpus import write_media_corpus
from tests.conftest import SMALL
from tests.tools import files_of


def test_workers_with_staged_weights_write_the_same_bytes(cluster, build, tmp_path):
    """The workers see the staged weights only."""
    corpus = write_media_corpus(tmp_path / "corpus")
    assert build(*corpus.flags, f"--output={tmp_path / 'here'}") == 0
    here, staged = weights_dir(BLAZEFACE), tmp_path / "staged"
    shutil.copytree(here, staged / "weights" / here.name)
    workers = builds.by_process({"FACEVOICE_CACHE": str(staged)})
    builds.build(cluster, tmp_path / "there", *SMALL, *corpus.flags, *workers)
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")


def test_workers_without_weights_are_one_line_before_the_build(cluster, tmp_path):
    corpus = write_media_corpus(tmp_path / "corpus", videos=0)
    flags = [flag for flag in corpus.flags if not flag.startswith("--videos")]
    workers = builds.by_process({"FACEVOICE_CACHE": str(tmp_path / "nothing")})
    error = builds.refused(cluster, tmp_path / "there", *SMALL, *flags, *workers)
    assert "blazeface-weights missing" in error
    assert "facevoice.weights" in error
