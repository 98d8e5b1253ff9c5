"""The parser of every command, its argument types, and its error messages.

A wrong word on the command line is one sentence and exit code 2; any other failure, exit code 1.
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

T = TypeVar("T", int, float)

# Where commands put and look for things when they are told nothing.
SAMPLE_CORPUS = Path("data/sample_corpus")
SAMPLE_DATA = Path("data/sample")
OWN_DATA = Path("data/dataset")
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class Parser(argparse.ArgumentParser):
    """An argument parser without abbreviations, and without a page of usage for one slip."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings
        )

    def error(self, message: str) -> NoReturn:
        self.exit(usage_error(f"{message}{'' if message[-1] in '.?!' else '.'}"))

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parses a whole command line; None stands for the program's own."""
        found, unknown = self.parse_known_args(argv)
        if unknown:
            self.refuse(unknown[0])
        return found

    def refuse(self, word: str, also_known: Iterable[str] = (), hint: str = "") -> NoReturn:
        """Refuses an unknown word, with the flag that was probably meant."""
        flag = word.partition("=")[0]
        near = difflib.get_close_matches(flag, [*self._option_string_actions, *also_known], n=1)
        meant = f"did you mean {near[0]}?" if near else "--help lists the flags."
        self.error(f"unknown flag {flag}; {meant}{hint}")


def run(
    command: Callable[[], int | None],
    *,
    needs_training_packages: str = "",
    interrupted: str = "Stopped.",
    secrets: Iterable[str] = (),
) -> int:
    """Runs the body of a command; every command ends here. Returns the exit code.

    An error of the project or of the operating system is one line and exit code 1, Ctrl-C is 130.

    Args:
      command: returns an exit code; None is 0.
      needs_training_packages: what of the command needs the extra `[train]`, for the message.
      interrupted: what to say at Ctrl-C.
      secrets: values that must not appear in a message.
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


def usage_error(sentence: str) -> int:
    """Prints the one line of a wrong command line; returns the exit code 2."""
    fail(sentence[0].upper() + sentence[1:])
    return 2


def fail(sentence: str, secrets: Iterable[str] = ()) -> int:
    """Prints the one line of a failure, without credentials; returns the exit code 1.

    Args:
      sentence: what was found, where, and what to do.
      secrets: values that must not appear, such as those of secret flags.
    """
    known = [os.environ[name] for name in SECRET_VARIABLES if name in os.environ]
    print(f"error: {mask_secrets(sentence, [*known, *secrets])}", file=sys.stderr)
    return 1


def local_path(text: str) -> Path:
    """Parses a path on this machine's disks."""
    path_or_address(text)
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"is {text}; it is used on a file system, so give a path or copy it to one"
        )
    return Path(text)


def path_or_address(text: str) -> str:
    """Parses a path, or an address such as s3://bucket/set, without credentials or a query."""
    try:
        check_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def positive_int(text: str) -> int:
    """A whole number of 1 or more."""
    return _number(text, int, lambda value: value >= 1, "a whole number of 1 or more")


def whole_number(text: str) -> int:
    """A whole number of 0 or more."""
    return _number(text, int, lambda value: value >= 0, "a whole number of 0 or more")


def seed(text: str) -> int:
    """What NumPy, TensorFlow and Keras all take for a seed."""
    return _number(
        text, int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295"
    )


def positive_float(text: str) -> float:
    """A finite number above 0."""
    return _number(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def non_negative_float(text: str) -> float:
    """Returns a finite number of 0 or more."""
    return _number(text, float, lambda value: 0 <= value < float("inf"), "a number of 0 or more")


def fraction(text: str) -> float:
    """A share of a whole."""
    return _number(text, float, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def _number(text: str, kind: Callable[[str], T], valid: Callable[[T], bool], wanted: str) -> T:
    try:
        value = kind(text)
    except ValueError:
        pass
    else:
        if valid(value):
            return value
    raise argparse.ArgumentTypeError(f"is {text!r}; use {wanted}")
