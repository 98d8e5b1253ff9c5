"""A cluster's data set has the bytes of one machine's, rejects and summary included."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import SMALL
from tests.flink import builds
from tests.tools import files_of

REAL = Path(__file__).parents[3] / "shared/data/voxreal10"


def counts(said):
    """The lines about what is in a data set, without those about time."""
    return [line for line in said.splitlines() if line.startswith("  ") and " s" not in line]


def test_workers_that_flink_starts_write_the_same_bytes(
    cluster, damaged_corpus, build, capsys, tmp_path
):
    corpus = damaged_corpus.flags
    assert build(*corpus, f"--output={tmp_path / 'here'}") == 0
    here = counts(capsys.readouterr().out)
    said = builds.build(cluster, tmp_path / "there", *SMALL, *corpus, *builds.by_process())
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")
    assert counts(said) == here
    assert "rejected" in said
