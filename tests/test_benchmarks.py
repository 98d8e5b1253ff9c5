"""The benchmarks' method: turns, ratios within a round, unequal output refused, peers missing."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import child
import environments
from arena import Contestant, Result, contest, refused_unequal, table, times_as_fast
from contest import unordered_digest

LOGGING = """
import contest

def work(log, name):
    with open(log, "a") as file:
        file.write(name)
    return {"digest": name.lower(), "seconds": 1}

contest.serve({"work": work})
"""
FAILING = """
import contest

def work(log, name):
    raise ValueError("no such thing")

contest.serve({"work": work})
"""
DYING = """
import contest, os, sys

def work(log, name):
    print("the disk is full", file=sys.stderr, flush=True)
    os._exit(1)

contest.serve({"work": work})
"""
HANGING = """
import contest, time

contest.serve({"work": lambda log, name: time.sleep(60)})
"""


def seconds(answer):
    return answer["seconds"]


def result(name, *figures, **rest):
    return Result(name, [{"seconds": figure, "digest": "a"} for figure in figures], **rest)


@pytest.fixture
def contestant(tmp_path):
    """Makes a contestant of a program's text."""
    numbers = itertools.count()

    def make(name, text, environment="own"):
        program = tmp_path / f"program{next(numbers)}.py"
        program.write_text(text)
        return Contestant(name, environment, str(program))

    return make


@pytest.fixture
def ask(tmp_path):
    """Lets contestants write their names into a log; gives the results, and the log."""

    def asked(contestants, rounds, warmups):
        log = tmp_path / "log"
        results = contest(
            contestants,
            lambda each: {"work": "work", "log": str(log), "name": each.name},
            rounds,
            warmups,
        )
        return results, log.read_text() if log.exists() else ""

    return asked


def test_contestants_take_turns_and_warming_up_does_not_count(contestant, ask):
    results, log = ask([contestant("A", LOGGING), contestant("B", LOGGING)], 2, 1)
    assert log == "ABABAB"
    assert [len(result.answers) for result in results] == [2, 2]
    assert all(result.peak_mb > 1 for result in results)


def test_one_that_fails_says_why_and_the_others_go_on(contestant, ask):
    results, log = ask(
        [contestant("F", FAILING), contestant("D", DYING), contestant("A", LOGGING)], 2, 0
    )
    assert [result.error for result in results] == [
        "ValueError: no such thing",
        "it ended: the disk is full",
        None,
    ]
    assert log == "AA"


def test_one_that_hangs_is_ended(contestant, ask, monkeypatch):
    monkeypatch.setattr(child, "LIMIT_S", 1)
    results, _ = ask([contestant("H", HANGING)], 1, 0)
    assert results[0].error.startswith("it ended")
    assert not results[0].answers


def test_what_is_not_installed_is_a_row_that_says_so(contestant, ask, monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "HOME", tmp_path)
    absent = "import contest, a_tool_that_nobody_has"
    results, _ = ask([contestant("M", absent), contestant("P", LOGGING, "peers")], 1, 0)
    assert results[0].error == (
        "not installed: ModuleNotFoundError: No module named 'a_tool_that_nobody_has'"
    )
    assert results[1].error.startswith("not installed: the environment peers is not set up")
    rows = table("T", [result("ours", 1), *results], "ours", "s", seconds).splitlines()
    assert rows[-2].startswith("| M | not installed: ")


def test_unequal_output_is_refused_and_not_timed():
    other = Result("other", [{"seconds": 1, "digest": "b"}])
    changing = Result("changing", [{"digest": "a"}, {"digest": "b"}])
    ours, equal, *wrong = refused_unequal(
        [result("ours", 1), result("equal", 2), other, changing], "ours"
    )
    assert ours.error is None
    assert equal.error is None
    assert [each.answers for each in wrong] == [[], []]
    assert [each.error for each in wrong] == [
        "not timed: the digest of its output is b, ours's is a",
        "not timed: the digest of its output is a, b, ours's is a",
    ]


def test_without_output_of_ours_nothing_counts():
    failed = Result("ours", error="it ended")
    other = refused_unequal([failed, result("other", 1)], "ours")[1]
    assert other.error == "not timed: the digest of its output is a, ours's is not known"


def test_ratios_are_taken_within_a_round():
    """The machine was ten times slower in the second."""
    ours, other = result("ours", 1, 10), result("other", 2, 20)
    assert times_as_fast(other, ours, seconds, less_is_better=True) == [2, 2]
    assert times_as_fast(other, ours, seconds, less_is_better=False) == [0.5, 0.5]


def test_a_table_has_medians_spans_and_whether_targets_were_met():
    results = [
        result("ours", 1, 1, 1, peak_mb=1234.5),
        result("a", 2, 3, 4),
        result("b", 0.5, 1, 2),
    ]
    targets = {"a": 2, "b": 1}
    text = table("Title", results, "ours", "s", seconds, targets, less_is_better=True)
    assert text.splitlines()[4:] == [
        "| ours | 1 | 1 to 1 |  |  |  | 1,234 |",
        "| a | 3 | 2 to 4 | 3 | 2 to 4 | 2: met | 0 |",
        "| b | 1 | 0.5 to 2 | 1 | 0.5 to 2 | 1: met by the median | 0 |",
    ]
    text = table("Title", results, "ours", "s", seconds, {"b": 1.5}, less_is_better=True)
    assert text.splitlines()[-1].endswith("| 1.5: missed | 0 |")


def test_a_digest_depends_on_records_and_not_on_their_order():
    assert unordered_digest([b"a", b"b"]) == unordered_digest([b"b", b"a"])
    assert unordered_digest([b"a", b"b"]) != unordered_digest([b"a", b"c"])
    assert unordered_digest([b"a", b"b"]) != unordered_digest([b"a", b"b", b"b"])
