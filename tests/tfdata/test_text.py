from __future__ import annotations

import pytest

from tfdata.text import duration, uncapitalized


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


def test_the_first_letter_of_a_sentence_is_lowered_but_not_that_of_a_name():
    texts = ["Not found", "HTTPConnectionPool: refused", "a", "A", ""]
    assert [*map(uncapitalized, texts)] == ["not found", texts[1], "a", "a", ""]
