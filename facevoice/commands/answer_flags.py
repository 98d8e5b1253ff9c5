"""Flags of the commands that answer who is in face images and clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfdata.command_line import Parser
from tfdata.flag_types import positive_int
from tfdata.text import counted


def add_answer_flags(parser: Parser) -> None:
    """Adds --top and --json."""
    add_top_flag(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, see above")


def add_top_flag(parser: Parser) -> None:
    """Adds --top."""
    parser.add_argument(
        "--top",
        type=positive_int,
        default=5,
        metavar="N",
        help="number of people to show (default: %(default)s)",
    )


def check_pairs(parser: Parser, faces: Sequence[str] | None, clips: Sequence[str] | None) -> None:
    """Exits with a one-line error unless faces and clips, if both are given, can be paired."""
    if not (faces and clips):
        return
    if folders := [path for path in (*faces, *clips) if Path(path).is_dir()]:
        parser.error(
            f"{folders[0]} is a folder; with --face and --audio, name files, as the first face "
            f"belongs to the first clip."
        )
    if len(faces) != len(clips):
        parser.error(
            f"there are {counted(len(faces), 'face')} and {counted(len(clips), 'clip')}; give the "
            f"same number of both."
        )
