"""Tests that a cluster writes the same bytes, rejects and summary as one machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from beam_pipelines.build import main
from facevoice.sample_corpus import make_sample_corpus
from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.clusters.flink.cluster import running
from tests.beam_pipelines.clusters.hosts import Host
from tests.beam_pipelines.runners.test_worker_pool import facevoice_pool
from tests.conftest import SMALL, write_corpus
from tests.tools import files_of

REAL = Path(__file__).parents[5] / "shared/data/voxreal10"


def counts(said):
    """Returns the lines about the dataset without those about time."""
    return [line for line in said.splitlines() if line.startswith("  ") and " s" not in line]


def built_equally(cluster, flags, build, capsys, tmp_path):
    """Builds here and on the cluster; returns the output there, after comparing both."""
    assert build(*flags, f"--output={tmp_path / 'here'}") == 0
    here = counts(capsys.readouterr().out)
    said = builds.build(cluster, tmp_path / "there", *SMALL, *flags, *builds.by_process())
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")
    assert counts(said) == here
    return said


def test_workers_that_flink_starts_write_the_same_bytes(
    cluster, damaged_corpus, build, capsys, tmp_path
):
    said = built_equally(cluster, damaged_corpus.flags, build, capsys, tmp_path)
    assert "rejected" in said


def test_the_same_copies_are_dropped(cluster, build, capsys, tmp_path):
    corpus = write_corpus(tmp_path)
    faces = corpus.faces / "Person_0" / "1.6"
    shutil.copytree(faces / "-video00", faces / "copy")
    shutil.copytree(faces / "-video01", corpus.faces / "Person_1" / "1.6" / "other")
    flags = [*corpus.flags, "--duplicates=drop"]
    said = built_equally(cluster, flags, build, capsys, tmp_path)
    assert "4 files dropped" in said


def test_workers_of_a_pool_write_the_same_bytes(cluster, corpus, data_set, tmp_path):
    """Uses a separate TaskManager, because two would give their workers the same names."""
    del cluster  # says whether there is a Flink
    here = Host(tmp_path / "flink")
    with running(here, [here]) as lone, facevoice_pool(tmp_path) as pool:
        builds.build(lone, tmp_path / "set", *SMALL, *corpus.flags, *pool.flags)
    assert files_of(tmp_path / "set") == files_of(data_set)


@pytest.mark.slow
def test_the_sample_corpus(cluster, tmp_path):
    corpus = make_sample_corpus(tmp_path / "corpus", lambda *_: None)
    flags = [f"--faces={corpus.faces}", f"--audio={corpus.audio}", f"--meta={corpus.meta}"]
    compare(cluster, tmp_path, flags)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason=f"there is no {REAL}")
def test_real_people(cluster, tmp_path):
    faces, audio = f"--faces={REAL / 'unzippedFaces'}", f"--audio={REAL / 'wav'}"
    compare(cluster, tmp_path, [faces, audio, f"--meta={REAL / 'vox1_meta.csv'}"])


def compare(cluster, folder, flags):
    """Builds at the usual settings, here and there."""
    assert main([*flags, f"--output={folder / 'here'}"]) == 0
    print(builds.build(cluster, folder / "there", *flags, *builds.by_process()))
    assert files_of(folder / "there") == files_of(folder / "here")
