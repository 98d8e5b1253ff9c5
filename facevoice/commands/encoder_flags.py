"""Flags of commands that encode faces and voices."""

from __future__ import annotations

from tfdata.command_line import Parser
from tfdata.schema import DEFAULT_ENCODERS


def add_encoder_flags(parser: Parser, default: str = "{}") -> None:
    """Adds --face_encoder and --voice_encoder.

    Args:
      parser: of the command.
      default: the default encoder for --help, with {} for DEFAULT_ENCODERS.
    """
    _add(parser, "name of an encoder, or package.module:name of your own", default)


def add_own_encoder_flags(parser: Parser) -> None:
    """Adds --face_encoder and --voice_encoder of a run: they name only encoders of your own."""
    _add(
        parser,
        "package.module:name of your own encoder, if the dataset of the run was built with one; "
        "that module is imported, so name only code that you trust",
        "that of the dataset",
    )


def _add(parser: Parser, text: str, default: str) -> None:
    for flag, medium in (("--face_encoder", "image"), ("--voice_encoder", "audio")):
        name = default.format(DEFAULT_ENCODERS[medium])
        parser.add_argument(flag, metavar="NAME", help=f"{text} (default: {name})")
