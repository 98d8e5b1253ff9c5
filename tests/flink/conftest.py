"""A cluster for all tests of this folder, and corpora for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beam_pipelines.running.local_workers import bypass_proxies
from tests.conftest import Corpus, write_corpus
from tests.flink import fetch
from tests.flink.cluster import Cluster, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "cluster" in item.fixturenames:
            item.add_marker(pytest.mark.flink)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One JobManager and two TaskManagers; a test that kills one starts it again."""
    if reason := fetch.missing():
        pytest.skip(reason)
    bypass_proxies()
    with running(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="session")
def damaged_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three people, of whose media some are broken."""
    corpus = write_corpus(tmp_path_factory.mktemp("damaged"), videos=4)
    for tree, suffix in ((corpus.faces, "jpg"), (corpus.audio, "wav")):
        for path in sorted(tree.rglob(f"*.{suffix}"))[::7]:
            path.write_bytes(path.read_bytes()[:30])
    return corpus
