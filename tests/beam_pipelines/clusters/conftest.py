"""Corpora for builds on clusters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beam_pipelines.build import main
from beam_pipelines.runners.local_workers import bypass_proxies
from tests.beam_pipelines.clusters import builds
from tests.conftest import SMALL, Corpus, write_corpus
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


@pytest.fixture
def error_line_of(
    corpus: Corpus, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., str]:
    """Runs a build that is refused, and leaves nothing; returns its error."""
    bypass_proxies()

    def run(runner: str, *flags: str) -> str:
        output = tmp_path / "set"
        command = [*SMALL, *corpus.flags, f"--output={output}", f"--runner={runner}", *flags]
        assert main(command) == 1
        assert not output.exists()
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        return error

    return run
