"""Parses command lines, runs commands, and prints their errors.

An invalid command line is a one-line error and exit code 2, any other error exit code 1.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from tfdata.errors import FaceVoiceError
from tfdata.storage.addresses import check_address, mask_secrets
from tfdata.storage.files import printable

T = TypeVar("T", int, float)

# Default paths of commands.
SAMPLE_CORPUS = Path("data/sample_corpus")
SAMPLE_DATA = Path("data/sample")
OWN_DATA = Path("data/dataset")
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class Parser(argparse.ArgumentParser):
    """An argument parser without abbreviations, whose errors are one line, without usage."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings
        )

    def error(self, message: str) -> NoReturn:
        self.exit(usage_error(f"{message}{'' if message[-1] in '.?!' else '.'}"))

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parses a command line; None is that of the program. Unknown flags are errors."""
        args, unknown = self.parse_known_args(argv)
        if unknown:
            self.refuse(unknown[0])
        return args

    def refuse(self, argument: str, also_known: Iterable[str] = (), hint: str = "") -> NoReturn:
        """Exits with an error for an unknown flag, and suggests a similar one.

        Args:
          argument: the unknown argument.
          also_known: more flags to suggest, such as those of another parser.
          hint: is added to the message.
        """
        flag = argument.partition("=")[0]
        near = difflib.get_close_matches(flag, [*self._option_string_actions, *also_known], n=1)
        suggestion = f"did you mean {near[0]}?" if near else "--help lists the flags."
        self.error(f"unknown flag {flag}; {suggestion}{hint}")


def run(
    command: Callable[[], int | None],
    *,
    needs_training_packages: str = "",
    interrupted: str = "Stopped.",
    secrets: Iterable[str] = (),
) -> int:
    """Runs the body of a command, prints its errors, and returns the exit code.

    A FaceVoiceError or OSError is a one-line error and exit code 1; Ctrl-C is exit code 130.

    Args:
      command: returns an exit code; None is 0.
      needs_training_packages: the part of the command that needs the extra `[train]`, for the
        message if a package is missing.
      interrupted: message for Ctrl-C.
      secrets: values to mask in messages.
    """
    try:
        return command() or 0
    except (FaceVoiceError, OSError) as error:
        return fail(str(error), secrets)
    except ModuleNotFoundError as error:
        if not needs_training_packages:
            raise
        return fail(
            f"{error.name} is missing; {needs_training_packages} needs 'make setup', or "
            f"pip install -e '.[train]'."
        )
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130


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
    print(f"error: {printable(mask_secrets(message, [*known, *secrets]))}", file=sys.stderr)
    return 1


def local_path(text: str) -> Path:
    """Parses a path of the file system; URLs are errors."""
    path_or_address(text)
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"is {text}; use a path of the file system (copy the files from the address)"
        )
    return Path(text)


def path_or_address(text: str) -> str:
    """Parses a path, or a URL such as s3://bucket/set without credentials or a query."""
    try:
        check_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def positive_int(text: str) -> int:
    """Parses a whole number of 1 or more."""
    return _number(text, int, lambda value: value >= 1, "a whole number of 1 or more")


def non_negative_int(text: str) -> int:
    """Parses a whole number of 0 or more."""
    return _number(text, int, lambda value: value >= 0, "a whole number of 0 or more")


def seed(text: str) -> int:
    """Parses a seed in the range that NumPy, TensorFlow and Keras accept."""
    return _number(
        text, int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295"
    )


def positive_float(text: str) -> float:
    """Parses a finite number above 0."""
    return _number(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def non_negative_float(text: str) -> float:
    """Parses a finite number of 0 or more."""
    return _number(text, float, lambda value: 0 <= value < float("inf"), "a number of 0 or more")


def fraction(text: str) -> float:
    """Parses a number from 0 to 1."""
    return _number(text, float, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def _number(text: str, kind: Callable[[str], T], valid: Callable[[T], bool], expected: str) -> T:
    try:
        value = kind(text)
    except ValueError:
        pass
    else:
        if valid(value):
            return value
    raise argparse.ArgumentTypeError(f"is {text!r}; use {expected}")
