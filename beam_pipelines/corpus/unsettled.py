"""Counts the media that changed a short time ago, which a build leaves for the next one.

A file that is being copied is shorter than it will be, and would be rejected as broken, or give
another record. `--settle_seconds` leaves such files out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Unsettled:
    """Files that changed a short time ago.

    Attributes:
      files: number of files.
      examples: the first MAX_EXAMPLES of them in sorted order, each after the flag of its tree.
    """

    files: int = 0
    examples: tuple[str, ...] = ()

    def __add__(self, other: Unsettled) -> Unsettled:
        examples = sorted((*self.examples, *other.examples))[:MAX_EXAMPLES]
        return Unsettled(self.files + other.files, tuple(examples))


NONE_UNSETTLED = Unsettled()


def unsettled_files(paths: Iterable[str]) -> Unsettled:
    """Returns the number and the first of some files."""
    found = sorted(paths)
    return Unsettled(len(found), tuple(found[:MAX_EXAMPLES]))
