"""Tests of confusions, and of the texts and figures of the error analysis."""

from __future__ import annotations

import numpy as np

from facevoice.evaluation.error_analysis import Confusion, confusions
from facevoice.evaluation.predictions import Predictions

PEOPLE = ("Ann", "Bob", "Cy", "Di")


def answers(rows):
    """Predictions of (who it was, who was named, how surely), the rest spread over the others."""
    labels = np.array([PEOPLE.index(who) for who, _, _ in rows])
    probabilities = np.array([[(1 - sure) / 3] * 4 for _, _, sure in rows])
    for row, (_, named, sure) in enumerate(rows):
        probabilities[row, PEOPLE.index(named)] = sure
    n = len(rows)
    names, empty = np.array([who for who, _, _ in rows]), np.array([""] * n)
    keys = np.array([f"key{i}" for i in range(n)])
    zeros = np.zeros(n, np.int64)
    return Predictions(labels, probabilities, np.zeros((n, 2)), names, empty, empty, zeros, keys)


def test_confusions_are_sorted_by_the_sum_of_both_directions():
    found = confusions(
        answers(
            [
                ("Ann", "Bob", 0.6),
                ("Ann", "Bob", 0.9),  # the surest mistake
                ("Bob", "Ann", 0.7),
                ("Bob", "Bob", 0.5),
                ("Bob", "Bob", 0.8),  # the surest of Bob
                ("Cy", "Ann", 0.5),
                ("Ann", "Ann", 0.9),
                ("Cy", "Di", 0.9),  # nobody was Di, so there is nothing to show beside it
            ]
        ),
        PEOPLE,
    )
    assert found == [
        Confusion("Ann", "Bob", pairs=2, reverse=1, mistaken=1, beside=4),
        Confusion("Cy", "Ann", pairs=1, reverse=0, mistaken=5, beside=6),
    ]


def test_without_mistakes_there_are_no_confusions():
    assert confusions(answers([("Ann", "Ann", 0.9), ("Bob", "Bob", 0.8)]), PEOPLE) == []


def test_number_of_confusions_is_limited():
    known = answers([("Ann", "Bob", 0.6), ("Bob", "Cy", 0.6), ("Cy", "Ann", 0.6)])
    assert len(confusions(known, PEOPLE, most=2)) == 2
