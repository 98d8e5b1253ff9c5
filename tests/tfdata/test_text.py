from __future__ import annotations

import pytest

from tfdata.text import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (26.5, "26.5 s"),
        (180, "3 min"),
        (216, "3 min 36 s"),
        (1620, "27 min"),
        (9720, "2 h 42 min"),
        (352 * 3600, "352 h"),
    ],
)
def test_durations_have_suitable_units(seconds, text):
    assert duration(seconds) == text
