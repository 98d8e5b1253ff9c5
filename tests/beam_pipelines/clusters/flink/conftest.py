"""Fixtures: one cluster for all tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beam_pipelines.runners.local_workers import bypass_proxies
from tests.beam_pipelines.clusters.flink import fetch
from tests.beam_pipelines.clusters.flink.cluster import Cluster, running
from tests.beam_pipelines.clusters.hosts import Host


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "cluster" in item.fixturenames:
            item.add_marker(pytest.mark.flink)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One JobManager and two TaskManagers; a test that kills one starts it again."""
    with _new_cluster(tmp_path_factory) as started:
        yield started


@pytest.fixture(scope="module")
def unused_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The same for one module: TaskManagers keep services of builds that failed on them."""
    with _new_cluster(tmp_path_factory) as started:
        yield started


@contextmanager
def _new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := fetch.missing():
        pytest.skip(reason)
    bypass_proxies()
    here = Host(tmp_path_factory.mktemp("cluster"))
    with running(here, [here, here]) as started:
        yield started
