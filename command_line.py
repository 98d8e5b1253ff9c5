"""What every command of FaceVoice does with a wrong word: one sentence, exit code 2."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

T = TypeVar("T", int, float)

# Where commands put and look for things when they are told nothing.
SAMPLE_CORPUS = Path("data/sample_corpus")
SAMPLE_DATA = Path("data/sample")
OWN_DATA = Path("data/dataset")


class Parser(argparse.ArgumentParser):
    """An argument parser without abbreviations, and without a page of usage for one slip."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings
        )

    def error(self, message: str) -> NoReturn:
        sentence = message[0].upper() + message[1:]
        self.exit(2, f"error: {sentence}{'' if sentence[-1] in '.?!' else '.'}\n")

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
