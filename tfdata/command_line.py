"""Parses command lines, runs commands, and prints their errors.

An invalid command line is a one-line error and exit code 2, any other error exit code 1. Ctrl-C is
exit code 130, SIGTERM 143.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn, TextIO

from tfdata.errors import FaceVoiceError
from tfdata.interrupts import Terminated, ignore_at_exit, raise_terminated
from tfdata.storage.addresses import mask_secrets
from tfdata.text import agree, listed, nearest, printable, quoted, similar

# Default paths of commands.
SAMPLE_CORPUS = Path("data/sample_corpus")
SAMPLE_DATA = Path("data/sample")
OWN_DATA = Path("data/dataset")
INTERRUPTED, BROKEN_PIPE = 130, 141  # exit codes
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
# What argparse says about a command line, with the words of this project after it.
_ARGPARSE_MESSAGES = (
    (r"expected one argument", "{name} needs a value"),
    (r"expected at least one argument", "{name} needs one value or more"),
    (r"ignored explicit argument (.*)", "{name} takes no value, but {0} was given"),
    (r"not allowed with argument (\S+)", "{name} and {0} exclude each other; remove one of them"),
    (r"(is .*)", "{name} {0}"),
)


class Parser(argparse.ArgumentParser):
    """An argument parser without abbreviations, whose errors are one line, without usage.

    A parser with --help has --version, too.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False,
            exit_on_error=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,
        )
        if self.add_help:
            self.add_argument(
                "--version",
                action="version",
                version=version_text(),
                help="show the version of FaceVoice and exit",
            )

    def error(self, message: str) -> NoReturn:
        start, _, flags = message.partition(" required: ")
        if flags and start.endswith("are"):
            names = flags.split(", ")
            message = f"{listed(names)} {agree(len(names), 'is', 'are')} required"
        elif found := re.fullmatch(r"one of the arguments (.*) is required", message):
            message = f"{listed(found[1].split(), 'or')} is required"
        self.exit(usage_error(f"{message}{'' if message[-1] in '.?!' else '.'}"))

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parses a command line; None is that of the program. Unknown flags are errors."""
        arguments = list(sys.argv[1:] if argv is None else argv)
        self._check_names(arguments)
        args, unknown = self.parse_known_args(arguments)
        if unknown:
            self.refuse(unknown[0])
        return args

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses known flags; exits with a one-line error if a value is invalid."""
        try:
            return super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            self.error(_sentence(error))

    def refuse(self, argument: str, also_known: Iterable[str] = (), hint: str = "") -> NoReturn:
        """Exits with an error for an unknown argument, and suggests similar flags.

        Args:
          argument: the unknown argument.
          also_known: more flags to suggest, such as those of another parser.
          hint: is added to the message.
        """
        flag = argument.partition("=")[0]
        if not flag.startswith("-"):
            self.error(
                f"unexpected argument {quoted(argument)}; a value with spaces needs quotes, and "
                f"--help lists the arguments."
            )
        near = similar(flag, self._option_string_actions) or similar(flag, also_known)
        suggestion = f"did you mean {listed(near, 'or')}?" if near else "--help lists the flags."
        positional = [action.metavar for action in self._get_positional_actions()]
        if positional and not near:
            suggestion = f"{positional[0]} is given without a flag, and {suggestion}"
        self.error(f"unknown flag {flag}; {suggestion}{hint}")

    def _check_names(self, arguments: Sequence[str]) -> None:
        """Refuses unknown flags first: a misspelt flag is the reason why a required one is missing.

        argparse takes an argument with a space for a value.
        """
        end = arguments.index("--") if "--" in arguments else len(arguments)
        for argument in arguments[:end]:
            flag = argument.partition("=")[0]
            is_flag = flag.startswith("--") and " " not in argument
            if is_flag and flag not in self._option_string_actions:
                self.refuse(argument)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            if action.type in (int, float):
                number = "whole number" if action.type is int else "number"
                error.message = f"is {quoted(arg_string)}; use a {number}"
            raise

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [str(choice) for choice in action.choices or ()]
        if choices and value not in (action.choices or ()):
            near = nearest(str(value), choices)
            hint = f". Did you mean {near}?" if near else ""
            raise argparse.ArgumentError(
                action, f"is {quoted(value)}; use {listed(choices, 'or')}{hint}"
            )

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(message, file)
        _flush_output()


def _sentence(error: argparse.ArgumentError) -> str:
    """Returns what is wrong with a flag, where, and what is allowed."""
    name, message = error.argument_name, str(error.message)
    if name is None:  # of the whole command line
        return message
    for pattern, text in _ARGPARSE_MESSAGES:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return text.format(*found.groups(), name=name)
    return f"{name}: {message}"


def version_text() -> str:
    """Returns "facevoice" and the installed version."""
    try:
        return f"facevoice {version('facevoice')}"
    except PackageNotFoundError:  # a checkout that is not installed
        return "facevoice, not installed"


def run(
    command: Callable[[], int | None],
    *,
    needs_training_packages: str = "",
    interrupted: str = "Stopped.",
    secrets: Iterable[str] = (),
) -> int:
    """Runs the body of a command, prints its errors, and returns the exit code.

    A FaceVoiceError, OSError or MemoryError is a one-line error and exit code 1; Ctrl-C exit code
    130, and SIGTERM 143. If the reader of the output, such as `head`, ends first, the command ends
    without a message.

    Args:
      command: returns an exit code; None is 0.
      needs_training_packages: the part of the command that needs the extra `[train]`, for the
        message if a package is missing.
      interrupted: message for Ctrl-C and SIGTERM; the argument of a KeyboardInterrupt replaces it.
      secrets: values to mask in messages.
    """
    for stream in (sys.stdout, sys.stderr):  # names may have characters that a terminal lacks
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        with raise_terminated():
            try:
                code = command() or 0
                sys.stdout.flush()
                return code
            except BrokenPipeError:
                _discard_output()
                return BROKEN_PIPE
            except (FaceVoiceError, OSError) as error:
                _flush_output()
                return fail(_message(error), secrets)
            except MemoryError:
                _flush_output()
                return fail("The memory is not enough; end other programs, or use more memory.")
            except ModuleNotFoundError as error:
                if not needs_training_packages:
                    raise
                return fail(
                    f"{error.name} is missing; {needs_training_packages} needs 'make setup', or "
                    f"pip install -e '.[train]'."
                )
    except KeyboardInterrupt as interrupt:
        _flush_output()
        say(*(interrupt.args or [interrupted]), file=sys.stderr)
        return interrupt.exit_code if isinstance(interrupt, Terminated) else INTERRUPTED
    finally:
        ignore_at_exit()


def say(*lines: str, file: TextIO | None = None) -> None:
    """Prints lines of text at once; control characters in them, as in names, are escaped.

    Args:
      lines: without line ends.
      file: the stream; None is standard output.
    """
    print(*map(printable, lines), sep="\n", file=file, flush=True)


def _message(error: Exception) -> str:
    """Returns the text of an error; names the file of an OSError first, if it has one."""
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{file}{error.strerror}."
    return str(error)


def _flush_output() -> None:
    """Flushes standard output; discards its buffer if the reader has ended or the disk is full.

    Otherwise the interpreter would try again at its end, and print a traceback.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _discard_output()


def _discard_output() -> None:
    with suppress(OSError, ValueError):  # ValueError: it is closed, or has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def usage_error(message: str) -> int:
    """Prints the error of an invalid command line; returns the exit code 2."""
    fail(message[0].upper() + message[1:])
    return 2


def fail(message: str, secrets: Iterable[str] = ()) -> int:
    """Prints an error as one line of plain text without credentials; returns the exit code 1.

    Args:
      message: what was found, where, and what to do.
      secrets: values to mask, such as those of secret flags.
    """
    known = [os.environ[name] for name in SECRET_VARIABLES if name in os.environ]
    say(f"error: {mask_secrets(message, [*known, *secrets])}", file=sys.stderr)
    return 1
