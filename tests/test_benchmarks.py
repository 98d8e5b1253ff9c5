"""The benchmarks' method: turns, ratios within a round, output checks, and missing peers."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
sys.path.append(str(Path(__file__).parents[1] / "benchmarks" / "competitors"))

import competitor_process
import environments
from harness import Competitor, Result, reject_mismatches, run_rounds, speedups, table
from protocol import unordered_digest
from read_facevoice import write

from tests.conftest import write_clip, write_face
from tfdata import load_manifest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

LOGGING = """
import protocol

def work(log, name):
    with open(log, "a") as file:
        file.write(name)
    return {"digest": name.lower(), "seconds": 1}

protocol.serve({"work": work})
"""
FAILING = """
import protocol

def work(log, name):
    raise ValueError("no such thing")

protocol.serve({"work": work})
"""
DYING = """
import protocol, os, sys

def work(log, name):
    print("the disk is full", file=sys.stderr, flush=True)
    os._exit(1)

protocol.serve({"work": work})
"""
HANGING = """
import protocol, time

protocol.serve({"work": lambda log, name: time.sleep(60)})
"""


def seconds(response):
    return response["seconds"]


def result(name, *figures, **rest):
    return Result(name, [{"seconds": figure, "digest": "a"} for figure in figures], **rest)


@pytest.fixture
def competitor(tmp_path):
    """Makes a competitor from a program's text."""
    numbers = itertools.count()

    def make(name, text, environment="own"):
        program = tmp_path / f"program{next(numbers)}.py"
        program.write_text(text)
        return Competitor(name, environment, str(program))

    return make


@pytest.fixture
def run(tmp_path):
    """Lets competitors write their names to a log; returns the results and the log."""

    def run(competitors, rounds, warmups):
        log = tmp_path / "log"
        results = run_rounds(
            competitors,
            lambda each: {"task": "work", "log": str(log), "name": each.name},
            rounds,
            warmups,
        )
        return results, log.read_text() if log.exists() else ""

    return run


def test_competitors_take_turns_and_warm_up_rounds_do_not_count(competitor, run):
    results, log = run([competitor("A", LOGGING), competitor("B", LOGGING)], 2, 1)
    assert log == "ABABAB"
    assert [len(result.responses) for result in results] == [2, 2]
    assert all(result.peak_mb > 1 for result in results)


def test_a_failing_competitor_has_its_error_and_the_others_continue(competitor, run):
    results, log = run(
        [competitor("F", FAILING), competitor("D", DYING), competitor("A", LOGGING)], 2, 0
    )
    assert [result.error for result in results] == [
        "ValueError: no such thing",
        "process ended: the disk is full",
        None,
    ]
    assert log == "AA"


def test_a_hanging_competitor_is_killed(competitor, run, monkeypatch):
    monkeypatch.setattr(competitor_process, "RESPONSE_TIMEOUT_S", 1)
    results, _ = run([competitor("H", HANGING)], 1, 0)
    assert results[0].error.startswith("process ended")
    assert not results[0].responses


def test_a_missing_package_is_a_row_with_the_reason(competitor, run, monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "HOME", tmp_path)
    missing = "import protocol, a_tool_that_nobody_has"
    results, _ = run([competitor("M", missing), competitor("P", LOGGING, "peers")], 1, 0)
    assert results[0].error == (
        "not installed: ModuleNotFoundError: No module named 'a_tool_that_nobody_has'"
    )
    assert results[1].error.startswith("not installed: the environment peers is not set up")
    rows = table("T", [result("ours", 1), *results], "ours", "s", seconds).splitlines()
    assert rows[-2].startswith("| M | not installed: ")


def test_results_with_other_output_are_rejected():
    other = Result("other", [{"seconds": 1, "digest": "b"}])
    changing = Result("changing", [{"digest": "a"}, {"digest": "b"}])
    ours, equal, *wrong = reject_mismatches(
        [result("ours", 1), result("equal", 2), other, changing], "ours"
    )
    assert ours.error is None
    assert equal.error is None
    assert [each.responses for each in wrong] == [[], []]
    assert [each.error for each in wrong] == [
        "not timed: the digest of its output is b, ours's is a",
        "not timed: the digest of its output is a, b, ours's is a",
    ]


def test_without_output_of_the_baseline_all_results_are_rejected():
    failed = Result("ours", error="process ended")
    other = reject_mismatches([failed, result("other", 1)], "ours")[1]
    assert other.error == "not timed: the digest of its output is a, ours's is unknown"


def test_ratios_are_computed_within_a_round():
    """The machine is ten times slower in the second round."""
    ours, other = result("ours", 1, 10), result("other", 2, 20)
    assert speedups(other, ours, seconds, less_is_better=True) == [2, 2]
    assert speedups(other, ours, seconds, less_is_better=False) == [0.5, 0.5]


def test_a_table_has_medians_ranges_and_whether_targets_were_met():
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
        "| b | 1 | 0.5 to 2 | level (1) | 0.5 to 2 | 1: met by the median | 0 |",
    ]
    text = table("Title", results, "ours", "s", seconds, {"b": 1.5}, less_is_better=True)
    assert text.splitlines()[-1].endswith("| 1.5: missed | 0 |")


def test_ratios_below_a_fifth_are_level_in_both_directions():
    ours = result("ours", 100)
    results = [ours, *(result(str(figure), figure) for figure in (83, 84, 119, 121))]
    rows = table("Title", results, "ours", "s", seconds, less_is_better=True).splitlines()[-4:]
    ratios = [row.split(" | ")[3] for row in rows]
    assert ratios == ["0.83", "level (0.84)", "level (1.19)", "1.21"]


def test_without_the_second_lane_its_rows_say_so(competitor, run, monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "_LANE2_PYTHON", tmp_path / "missing")
    results, _ = run([competitor("second lane", LOGGING, environments.LANE2)], 1, 0)
    assert results[0].error == (
        "not installed: the environment .venv-lane2 is not set up; run make test-lane2"
    )


def test_a_digest_depends_on_records_but_not_on_their_order():
    assert unordered_digest([b"a", b"b"]) == unordered_digest([b"b", b"a"])
    assert unordered_digest([b"a", b"b"]) != unordered_digest([b"a", b"c"])
    assert unordered_digest([b"a", b"b"]) != unordered_digest([b"a", b"b", b"b"])


def test_the_dataset_that_is_read_is_one_that_tfdata_accepts(tmp_path):
    write(tmp_path, count=41, image_size=8)
    manifest = load_manifest(tmp_path)
    assert manifest.splits["train"].pairs == 41
    assert len(manifest.people) == 40


def test_the_groups_import_and_their_competitors_exist():
    """In a separate process, because the names of the modules are general: build, read, scale."""
    check = """
import importlib, pathlib, bench
for module in map(importlib.import_module, bench.GROUPS.values()):
    assert callable(module.run)
    for value in vars(module).values():
        for each in value if isinstance(value, (tuple, dict)) else (value,):
            program = getattr(each, "program", "")
            assert not program or pathlib.Path("competitors", program).is_file(), program
import shard_stability
"""
    path = {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=BENCHMARKS, env=path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_facevoice_builds_the_arrays_of_the_ideal(tmp_path):
    """Runs competitors that do not need the peers, as a smoke test of `make bench`."""
    for person, video, item in itertools.product(range(2), range(5), range(2)):
        path, seed = Path(f"person{person}", f"video{video}", str(item)), 10 * person + 2 * video
        write_face(tmp_path / "faces" / path.with_suffix(".jpg"), seed + item)
        write_clip(tmp_path / "wav" / path.with_suffix(".wav"), seed + item)
    media = {"faces": str(tmp_path / "faces"), "audio": str(tmp_path / "wav"), "pairs": 20}
    results = run_rounds(
        [Competitor(name, "own", f"build_{name}.py") for name in ("facevoice", "ideal")],
        lambda each: {"task": "check", "corpus": media, "output": str(tmp_path / each.name)},
        rounds=1,
        warmups=0,
    )
    assert [result.error for result in reject_mismatches(results, "facevoice")] == [None, None]
