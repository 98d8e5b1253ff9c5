"""The command `facevoice`: finds a sub-command and runs it.

Sub-commands are entry points of the group `facevoice.commands`, so packages above this one, such as
`beam_pipelines`, can add theirs.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version

from tfdata.command_line import usage_error

GROUP = "facevoice.commands"
SUMMARIES = {
    "build": "build a dataset of paired faces and voices",
    "train": "train a model, or all of them",
    "evaluate": "measure a run on a split, on trials, on unknown people",
    "predict": "identify the person of a face image or a clip",
    "inspect": "show what a dataset contains",
    "check": "check every byte of a dataset",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the sub-command that a command line names; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not words or words[0] in ("-h", "--help"):
        print(_usage(commands))
        return 0 if words else 2
    if words[0] == "--version":
        print(f"facevoice {version('facevoice')}")
        return 0
    name, *rest = words
    if name not in commands:
        near = difflib.get_close_matches(name, commands, n=1)
        meant = f"did you mean {near[0]}?" if near else "'facevoice --help' lists them."
        return usage_error(f"unknown command {name}; {meant}")
    return int(commands[name].load()(rest, prog=f"facevoice {name}"))


def _usage(commands: dict[str, EntryPoint]) -> str:
    ordered = sorted(commands, key=lambda name: ([*SUMMARIES, name].index(name), name))
    lines = (f"  {name:10}{SUMMARIES.get(name, '')}".rstrip() for name in ordered)
    return "\n".join(
        [
            "usage: facevoice COMMAND [FLAGS]",
            "",
            "Audio-visual person identification: from media to a dataset, to models, to reports.",
            "",
            *lines,
            "",
            "'facevoice COMMAND --help' lists the flags of a command.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
