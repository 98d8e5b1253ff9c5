"""Tests of the types and ranges of plan settings."""

from __future__ import annotations

import re

import pytest

from beam_pipelines.planning.settings import PlanSettings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", "q", "`seed` is 'q'; use a whole number"),
        ("seed", 2**63, "`seed` is 9223372036854775808; use a whole number from -9223"),
        ("persons", 1.5, "`persons` is 1.5; use a whole number of 1 or more."),
        ("pairs_per_person", True, "`pairs_per_person` is True; use a whole number of 1 or more."),
        ("num_shards", 100_000, "`num_shards` is 100000; use a whole number from 1 to 99999."),
        ("window_overlap", "0", "`window_overlap` is '0'; use a number from 0 to 1."),
        ("window_overlap", 1, "`window_overlap` is 1; use 0 or more, and less than 1."),
        ("pairing", None, "`pairing` is None; use 'session' or 'identity'."),
        ("split_by", "file ", "`split_by` is 'file '; use 'session', 'pair' or 'file'."),
        ("split_fractions", "80,10,10", "`split_fractions` is '80,10,10'; give a tuple."),
        (
            "split_fractions",
            (80, "10", 10),
            "`split_fractions` is '10'; use a number from 0 to 100.",
        ),
        ("split_fractions", (90.0, 10.0), "`split_fractions` is 90,10; give three percentages"),
        ("exclude", "ann", "`exclude` is 'ann'; give a tuple of names."),
    ],
)
def test_a_setting_of_another_type_is_one_clear_line(name, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        PlanSettings(**{name: value})
