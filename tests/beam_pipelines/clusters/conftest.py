"""Corpora for builds on clusters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.beam_pipelines.clusters import builds
from tests.conftest import Corpus, write_corpus
from tests.tools import files_of


@pytest.fixture(scope="session")
def damaged_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three people, of whose media some are broken."""
    corpus = write_corpus(tmp_path_factory.mktemp("damaged"), videos=4)
    for tree, suffix in ((corpus.faces, "jpg"), (corpus.audio, "wav")):
        for path in sorted(tree.rglob(f"*.{suffix}"))[::7]:
            path.write_bytes(path.read_bytes()[:30])
    return corpus


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The flags of a corpus that takes a while."""
    return write_corpus(tmp_path_factory.mktemp("many"), people=6, videos=6, per_video=4).flags


@pytest.fixture(scope="session")
def undisturbed(
    build: Callable[..., int], many: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What one machine makes of it."""
    output = tmp_path_factory.mktemp("undisturbed") / "set"
    assert build(*many, *builds.SLOW, f"--output={output}") == 0
    return files_of(output)
