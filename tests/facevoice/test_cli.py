"""The command `facevoice` and the public names of the package."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, version

import pytest

import facevoice
from facevoice import cli
from tfdata.command_line import Parser

COMMANDS = ["build", "train", "evaluate", "predict"]
COMMANDS += ["export", "export-dataset", "inspect", "check"]
COMMANDS += ["enroll", "identify", "verify", "forget", "gallery", "serve"]


def run_python(code):
    """Runs code in a fresh interpreter and returns its output."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_all_commands_in_order_with_a_summary(capsys, flag):
    assert cli.main([flag]) == 0
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == COMMANDS
    assert all(len(line.split()) > 2 for line in lines)
    assert printed.err == ""


def test_without_a_command_help_goes_to_standard_error(capsys):
    assert cli.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: facevoice COMMAND")


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"facevoice {version('facevoice')}\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("trian", "did you mean train?"),
        ("evaluation", "did you mean evaluate?"),
        ("zzz", "'facevoice --help' lists them."),
        ("--versoin", "did you mean --version?"),
        ("a\nb", "'facevoice --help' lists them."),
    ],
)
def test_an_unknown_command_is_one_line(capsys, name, hint):
    assert cli.main([name, "--flag"]) == 2
    assert capsys.readouterr().err == f"error: Unknown command {name!r}; {hint}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_its_help_under_its_name(capsys, name):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: facevoice {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_a_help_text(monkeypatch, name):
    def stop(parser, arguments=None, namespace=None):
        parsers.append(parser)
        raise SystemExit

    parsers = []
    monkeypatch.setattr(Parser, "parse_known_args", stop)
    with pytest.raises(SystemExit):
        cli.main([name])
    (parser,) = parsers
    assert [action.dest for action in parser._actions if not action.help] == []


@pytest.mark.parametrize("code", [0, 1, 130])
def test_exit_codes_and_arguments_are_passed_on(monkeypatch, code):
    calls = []

    def command(argv, prog):
        calls.append((argv, prog))
        return code

    monkeypatch.setattr(EntryPoint, "load", lambda self: command)
    assert cli.main(["train", "--model", "cnn_image"]) == code
    assert calls == [(["--model", "cnn_image"], "facevoice train")]


def test_wrong_flags_of_a_command_are_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", "--run=r", "--fase=f"])
    assert stop.value.code == 2
    assert "did you mean --face?" in capsys.readouterr().err


def test_commands_of_other_packages_are_listed_last(monkeypatch, capsys):
    def found(group):
        assert group == "facevoice.commands"
        return [EntryPoint(name, "module:main", group) for name in ("extra", *COMMANDS)]

    monkeypatch.setattr(cli, "entry_points", found)
    assert cli.main(["--help"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == [*COMMANDS, "extra"]


@pytest.mark.parametrize("module", ["facevoice", "facevoice.cli"])
def test_import_is_light(module):
    heavy = ("tensorflow", "keras", "apache_beam", "matplotlib", "librosa")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code) == "[]\n"


@pytest.mark.parametrize("name", facevoice.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(facevoice, name) is not None
    assert name in dir(facevoice)


def test_public_names_are_sorted_and_others_are_attribute_errors():
    assert facevoice.__all__ == sorted(facevoice.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        facevoice.nothing  # noqa: B018
