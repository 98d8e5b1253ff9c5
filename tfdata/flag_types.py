"""Parses values of flags; an `ArgumentTypeError` says what was found and what is valid."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tfdata.storage.addresses import check_address
from tfdata.text import quoted

T = TypeVar("T", int, float)

MAX_INT = 2**31 - 1


def local_path(text: str) -> Path:
    """Parses a path of the file system; URLs are errors."""
    path_or_address(text)
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"is {text}; use a path of the file system (copy the files from the address)"
        )
    return Path(text)


def path_or_address(text: str) -> str:
    """Parses a path, or a URL such as s3://bucket/set without credentials or a query.

    An empty text, as of a shell variable that is not set, would be the current directory.
    """
    if not text:
        raise argparse.ArgumentTypeError("is empty; give a path")
    try:
        check_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def positive_int(text: str) -> int:
    """Parses a whole number of 1 or more, of at most 31 bits."""
    return _whole_number(text, 1)


def non_negative_int(text: str) -> int:
    """Parses a whole number of 0 or more, of at most 31 bits."""
    return _whole_number(text, 0)


def seed(text: str) -> int:
    """Parses a seed in the range that NumPy, TensorFlow and Keras accept."""
    return number(
        text, int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295"
    )


def positive_float(text: str) -> float:
    """Parses a finite number above 0."""
    return number(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def non_negative_float(text: str) -> float:
    """Parses a finite number of 0 or more."""
    return number(text, float, lambda value: 0 <= value < float("inf"), "a number of 0 or more")


def fraction(text: str) -> float:
    """Parses a number from 0 to 1."""
    return number(text, float, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def _whole_number(text: str, lowest: int) -> int:
    number(text, int, lambda value: value >= lowest, f"a whole number of {lowest} or more")
    return number(text, int, lambda value: value <= MAX_INT, f"a whole number up to {MAX_INT}")


def number(text: str, kind: Callable[[str], T], valid: Callable[[T], bool], expected: str) -> T:
    """Parses a number.

    Args:
      text: the value of a flag.
      kind: int or float.
      valid: returns whether a number is allowed.
      expected: which numbers are allowed, for the message.

    Raises:
      ArgumentTypeError: it is no number, or not allowed.
    """
    try:
        value = kind(text)
    except ValueError:
        pass
    else:
        if valid(value):
            return value
    raise argparse.ArgumentTypeError(f"is {quoted(text)}; use {expected}")
