"""Videos, face detector, voice activity and encoders on Spark, with weights at another place."""

from __future__ import annotations

import pytest

from tests.beam_pipelines.clusters import media


@pytest.mark.slow
def test_workers_with_staged_weights_write_the_same_bytes(cluster, build, tmp_path):
    media.compare(cluster, build, tmp_path)
