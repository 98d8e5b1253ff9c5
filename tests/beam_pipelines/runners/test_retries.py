"""Tests of shards that a cluster writes twice, one after the other or at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from beam_pipelines import transforms
from tests.tools import files_of


def one_after_the_other(attempt):
    return [attempt(), attempt()]


def at_once(attempt):
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(attempt), pool.submit(attempt)]]


@pytest.mark.parametrize("in_order", [one_after_the_other, at_once])
def test_attempts_that_are_repeated_change_nothing(
    corpus, data_set, build, monkeypatch, capsys, in_order, tmp_path
):
    write = transforms.write_shard

    def write_twice(*arguments):
        first, second = in_order(lambda: list(write(*arguments)))
        assert first == second
        return first

    monkeypatch.setattr(transforms, "write_shard", write_twice)
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    assert "30 pairs" in capsys.readouterr().out
    assert files_of(output) == files_of(data_set)
    assert not list(output.rglob("*.tmp"))
