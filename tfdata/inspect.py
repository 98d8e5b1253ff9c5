"""Inspects a dataset: `python -m tfdata.inspect DIR`. The command `facevoice inspect` is the same.

The command is in the package `facevoice`, which `tfdata` does not import, so it is found by its
entry point.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    (command,) = entry_points(group="facevoice.commands", name="inspect")
    return int(command.load()(argv))


if __name__ == "__main__":
    sys.exit(main())
