from __future__ import annotations

import pytest

from facevoice.commands import inspect
from tests.tools import read_records
from tfdata.schema import SPLITS


@pytest.fixture
def look(capsys):
    """Runs the command; returns what it printed, on standard error if it failed."""

    def run(*flags, code=0):
        try:
            found = inspect.main([str(flag) for flag in flags])
        except SystemExit as error:
            found = error.code
        out, err = capsys.readouterr()
        assert found == code, err
        if code:
            assert err.startswith("error: ")
            assert err.count("\n") == 1
        return err if code else out

    return run


@pytest.fixture(scope="module")
def records(data_set):
    """Reads the records of each split with TensorFlow."""
    return {split: list(read_records(data_set, split)) for split in SPLITS}
