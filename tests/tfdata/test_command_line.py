"""Tests of how every command ends: errors, interrupts, closed pipes, names in messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

from tfdata import ReadOptions
from tfdata.command_line import Parser, run, say
from tfdata.flag_types import local_path, positive_int
from tfdata.interrupts import Terminated, deferred
from tfdata.text import nearest, printable


def run_code(code, **settings):
    """Runs the body of a command in a separate process."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import os, signal, sys\nfrom tfdata.command_line import *\n{code}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        **settings,
    )


def test_a_parser_has_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        Parser(prog="any.py").parse(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"facevoice {version('facevoice')}\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_ends_a_command_with_one_sentence(capsys, number, code):
    def command():
        signal.raise_signal(number)

    before = signal.getsignal(number)
    assert run(command, interrupted="Stopped; nothing is lost.") == code
    assert capsys.readouterr().err == "Stopped; nothing is lost.\n"
    assert signal.getsignal(number) is before


def test_a_signal_after_the_end_of_a_command_changes_nothing():
    """Libraries take a second to be unloaded; functions of atexit run in reverse order."""
    kill = "[os.kill(os.getpid(), number) for number in (signal.SIGINT, signal.SIGTERM, 1)]"
    code = f"import atexit\natexit.register(lambda: {kill})\nsys.exit(run(lambda: print('Done.')))"
    done = run_code(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Done.\n", "")


def test_an_interrupt_brings_its_own_sentence(capsys):
    def command():
        raise KeyboardInterrupt("Stopped; one file is written.")

    assert run(command) == 130
    assert capsys.readouterr().err == "Stopped; one file is written.\n"


def test_an_ignored_signal_stays_ignored():
    code = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nbody = lambda: os.kill(os.getpid(), 1)"
    done = run_code(f"{code}\nsys.exit(run(body))")
    assert (done.returncode, done.stderr) == (0, "")


def test_sigterm_ends_process_1_of_a_container():
    """The kernel delivers a signal to such a process only if it has a handler."""
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs user namespaces")
    code = (
        "import os, signal; from tfdata.command_line import run\n"
        "assert os.getpid() == 1\n"
        "raise SystemExit(run(lambda: os.kill(1, signal.SIGTERM) or signal.pause()))"
    )
    done = subprocess.run(
        [*unshare, sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (143, "Stopped.\n")


def test_a_deferred_interrupt_waits_for_a_safe_point_and_a_second_one_does_not():
    steps = []

    def body():
        with deferred() as interrupt:
            signal.raise_signal(signal.SIGTERM)
            steps.append(interrupt.pending)
            interrupt.raise_pending()
            steps.append("never")

    def hasty():
        with deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            steps.append("never")

    def late():
        with deferred():
            signal.raise_signal(signal.SIGTERM)
            steps.append("whole body")

    assert [run(body), run(hasty), run(late)] == [143, 130, 143]
    assert steps == [signal.SIGTERM, "whole body"]
    assert issubclass(Terminated, KeyboardInterrupt)


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_ends_first_is_no_error(lines):
    code = f"sys.exit(run(lambda: [print('line') for _ in range({lines})] and 0))"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", f"import sys; from tfdata.command_line import run; {code}"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_under_the_output_is_one_line():
    code = "import sys; from tfdata.command_line import run; sys.exit(run(lambda: print('x')))"
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device.\n"


def test_an_error_of_a_file_names_it(capsys):
    assert run(lambda: open("/nowhere/at/all") and 0) == 1  # noqa: PTH123, SIM115
    assert capsys.readouterr().err == "error: /nowhere/at/all: No such file or directory.\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë_O'Brien 山田　太郎", "Zoë_O'Brien 山田　太郎"),
        ("نیکی‌نیا", "نیکی‌نیا"),  # with a joiner
        ("a\x1b[31mred\n", "a\\x1b[31mred\\n"),
        ("a\u202egnp.exe\u2066\u200f", "a\\u202egnp.exe\\u2066\\u200f"),
        ("a\u2028b\u0085\u200bc\x07\r", "a\\u2028b\\x85\\u200bc\\x07\\r"),
        ("gr\udcfcn", "gr\\xfcn"),
    ],
)
def test_control_characters_in_names_are_escaped(capsys, name, shown):
    assert printable(name) == shown
    say(name, "second line")
    assert capsys.readouterr().out == f"{shown}\nsecond line\n"


def test_characters_that_a_terminal_lacks_are_escaped():
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run_code("sys.exit(run(lambda: say('Zo\\u00eb')))", env=environment)
    assert (done.returncode, done.stdout) == (0, "Zo\\xeb\n")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("zoe", "Zoë"),
        ("ANN BRIGHT", "Ann_Bright"),
        ("Ann-Brigt", "Ann_Bright"),
        ("xyz", None),
    ],
)
def test_the_nearest_name_in_any_spelling(name, near):
    assert nearest(name, ["Zoë", "Ann_Bright"]) == near


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--runs=x"], "Unknown flag --runs; did you mean --run?"),
        (["--run=x", "--Split=a"], "did you mean --split?"),
        (["--run=x", "--split=tset"], "--split is 'tset'; use train or test. Did you mean test?"),
        (["--run=x", "--size=99999999999999999999"], "up to 2147483647"),
        (["--run=x", "--size=0"], "1 or more"),
        (["--run=x", "--size=1e5"], "--size is '1e5'; use a whole number of 1 or more."),
        (["--run=x", f"--size={'9' * 5000}"], "99...99"),
        (["--run=x", "--bands=x"], "--bands is 'x'; use a whole number."),
        (["--run=x", "--db=x"], "--db is 'x'; use a number."),
        (["--run=x", "--far=x"], "did you mean --false_accept_rate?"),
        (["--run=x", "--spl=x"], "did you mean --split or --split_file?"),
        (["--run=x", "--accept=x"], "did you mean --false_accept_rate?"),
        (["--run=x", "Efron"], "Unexpected argument 'Efron'; a value with spaces needs quotes"),
        (["--run"], "--run needs a value."),
        (["--run=x", "--strict=no"], "--strict takes no value, but 'no' was given."),
        (["--run=x", "--strict", "--split=test"], "--split and --strict exclude each other"),
        ([], "--run is required."),
        (["--run=x", "--data="], "--data is empty; give a path."),
    ],
)
def test_wrong_flags_are_one_line_with_the_nearest_name(capsys, flags, words):
    parser = Parser(prog="x")
    parser.add_argument("--run", required=True)
    parser.add_argument("--split_file")
    parser.add_argument("--data", type=local_path)
    parser.add_argument("--false_accept_rate", type=float)
    parser.add_argument("--bands", type=int)
    parser.add_argument("--db", type=float)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--split", choices=("train", "test"))
    either.add_argument("--strict", action="store_true")
    parser.add_argument("--size", type=positive_int)
    with pytest.raises(SystemExit) as stop:
        parser.parse(flags)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1.5},
        {"batch_size": "32"},
        {"batch_size": None},
        {"batch_size": True},
        {"batch_size": 10**20},
        {"epochs": "2"},
        {"take": 0},
        {"augment": "no"},
        {"service": 5000},
        {"cache": 1},
    ],
)
def test_options_of_another_type_are_refused_by_name(options):
    (name,) = options
    with pytest.raises(ValueError, match=rf"^{name} is .*; use "):
        ReadOptions(**options)
