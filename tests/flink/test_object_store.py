"""A cluster whose workers share no disk for the data set: it lies in an S3 server on loopback."""

from __future__ import annotations

import os

import pytest

from tests.conftest import SMALL
from tests.flink import builds
from tests.test_s3 import BUCKET, objects, server
from tests.tools import files_of

__all__ = ["server"]  # a fixture


@pytest.mark.usefixtures("server")
def test_a_bucket_gets_the_bytes_that_a_disk_gets(cluster, damaged_corpus, build, tmp_path):
    assert build(*damaged_corpus.flags, f"--output={tmp_path / 'set'}") == 0
    reached_by = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    flags = [*SMALL, *damaged_corpus.flags, *builds.by_process(reached_by)]
    builds.build(cluster, f"s3://{BUCKET}/flink", *flags)
    assert objects("flink") == files_of(tmp_path / "set")
