"""Tests of a cluster whose workers read from and write to an S3 server on loopback."""

from __future__ import annotations

import pytest

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.corpus.test_s3_corpus import uploaded
from tests.beam_pipelines.shards.test_s3 import BUCKET, objects, server
from tests.conftest import SMALL
from tests.tools import files_of

__all__ = ["server"]  # a fixture


@pytest.fixture(scope="module")
def on_a_disk(damaged_corpus, build, tmp_path_factory):
    """The files of the dataset that one machine builds from a disk on a disk."""
    output = tmp_path_factory.mktemp("here") / "set"
    assert build(*damaged_corpus.flags, f"--output={output}") == 0
    return files_of(output)


@pytest.mark.usefixtures("server")
def test_a_bucket_gets_the_bytes_that_a_disk_gets(cluster, damaged_corpus, on_a_disk):
    flags = [*SMALL, *damaged_corpus.flags, *builds.by_process(builds.bucket_variables())]
    builds.build(cluster, f"s3://{BUCKET}/flink", *flags)
    assert objects("flink") == on_a_disk


@pytest.mark.usefixtures("server")
def test_a_corpus_in_a_bucket_becomes_the_same_bytes_in_a_bucket(
    cluster, damaged_corpus, on_a_disk
):
    away = uploaded(damaged_corpus, "flink-corpus")
    flags = [*SMALL, *away, *builds.by_process(builds.bucket_variables())]
    said = builds.build(cluster, f"s3://{BUCKET}/flink-both", *flags)
    assert objects("flink-both") == on_a_disk
    assert on_a_disk["rejects.jsonl"].count(b"\n") > 2
    assert "rejected" in said
