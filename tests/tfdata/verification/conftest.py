"""A small dataset, to be damaged."""

from __future__ import annotations

import pytest

from tests.tfdata.verification.datasets import write_data_set


@pytest.fixture
def folder(tmp_path):
    return write_data_set(tmp_path / "set")


@pytest.fixture
def shard(folder):
    """The largest shard: five records of each person."""
    return next(folder.glob("train-00000-*"))
