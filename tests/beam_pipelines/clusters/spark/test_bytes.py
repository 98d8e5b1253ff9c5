"""Tests that a Spark cluster writes the same bytes as one machine."""

from __future__ import annotations

from tests.beam_pipelines.clusters import builds
from tests.conftest import SMALL
from tests.tools import files_of


def test_two_executors_write_the_same_bytes(cluster, damaged_corpus, build, tmp_path):
    corpus = damaged_corpus.flags
    assert build(*corpus, f"--output={tmp_path / 'here'}") == 0
    known = cluster.applications()
    said = builds.build(cluster, tmp_path / "there", *SMALL, *corpus, *builds.by_process())
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")
    assert "rejected" in said
    # The build, and the question before.
    new = [state for name, state in cluster.applications().items() if name not in known]
    assert new == ["FINISHED", "FINISHED"]
