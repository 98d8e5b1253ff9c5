"""The command `facevoice`: finds a sub-command and runs it.

Sub-commands are entry points of the group `facevoice.commands`. Packages that depend on this one,
such as `beam_pipelines`, add theirs in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points

from tfdata.command_line import run, usage_error, version_text
from tfdata.text import nearest

GROUP = "facevoice.commands"
# In the order of --help.
SUMMARIES = {
    "build": "build a dataset from face images and clips, or from videos",
    "train": "train one model or all models",
    "evaluate": "evaluate a run, or the embeddings of a dataset",
    "predict": "identify people with a trained model",
    "export": "export a run with its preprocessing, for use without this project",
    "export-dataset": "write a dataset for WebDataset, Parquet or TensorFlow Datasets",
    "inspect": "show the contents of a dataset",
    "check": "check every record of a dataset",
    "enroll": "add people to a gallery, without training",
    "identify": "identify people with a gallery",
    "verify": "tell whether two files or folders are of the same person",
    "forget": "remove a person from a gallery",
    "gallery": "list a gallery, with duplicates and outliers",
    "serve": "serve local pages that identify people or show a dataset",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the sub-command in the first argument; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
    if not arguments:
        print(_help(commands), file=sys.stderr)
        return 2
    name, *rest = arguments
    if name in ("-h", "--help"):
        print(_help(commands))
        return 0
    if name == "--version":
        print(version_text())
        return 0
    if name not in commands:
        near = nearest(name, [*commands, "--help", "--version"])
        hint = f"did you mean {near}?" if near else "'facevoice --help' lists them."
        return usage_error(f"unknown command {name!r}; {hint}")
    # Loading imports modules, which takes seconds; Ctrl-C then ends the command in one line, too.
    return run(lambda: commands[name].load()(rest, prog=f"facevoice {name}"))


def _help(commands: Iterable[str]) -> str:
    ordered = sorted(commands, key=lambda name: ([*SUMMARIES, name].index(name), name))
    return "\n".join(
        [
            "usage: facevoice COMMAND [FLAGS]",
            "",
            "Identifies people by face and voice, with trained models or with galleries.",
            "",
            *(f"  {name:16}{SUMMARIES.get(name, '')}".rstrip() for name in ordered),
            "",
            "'facevoice COMMAND --help' shows the flags of a command.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
