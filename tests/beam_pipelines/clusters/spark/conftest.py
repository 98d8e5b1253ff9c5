"""Fixtures: one cluster for all tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beam_pipelines.runners.local_workers import bypass_proxies
from tests.beam_pipelines.clusters.spark import fetch
from tests.beam_pipelines.clusters.spark.cluster import Cluster, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "cluster" in item.fixturenames:
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers."""
    if reason := fetch.missing():
        pytest.skip(reason)
    bypass_proxies()
    with running(tmp_path_factory.mktemp("cluster"), 2) as started:
        yield started
