"""Flags of several commands on galleries."""

from __future__ import annotations

import argparse

from facevoice.commands.encoder_flags import add_encoder_flags
from facevoice.gallery.gallery import check_name
from tfdata.command_line import Parser
from tfdata.flag_types import local_path, number
from tfdata.text import quoted


def add_gallery_flag(parser: Parser) -> None:
    """Adds --gallery."""
    parser.add_argument(
        "--gallery", type=local_path, required=True, metavar="DIR", help="directory of the gallery"
    )


def add_media_flags(parser: Parser) -> None:
    """Adds --face, --audio, and the encoders of both."""
    for flag, noun in (("--face", "face images"), ("--audio", "clips")):
        parser.add_argument(
            flag,
            type=media_file,
            nargs="+",
            action="extend",
            metavar="FILE",
            help=f"{noun}, or folders of them",
        )
    add_encoder_flags(parser, "that of the gallery, {} for a new one")


def media_file(text: str) -> str:
    """Parses the path of a local file; returns it as given."""
    local_path(text)
    return text


def name(text: str) -> str:
    """Parses the name of a person; returns it in NFC."""
    try:
        return check_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{quoted(text)} {error}") from None


def add_rate_flag(parser: Parser) -> None:
    """Adds --false_accept_rate."""
    parser.add_argument(
        "--false_accept_rate",
        type=positive_fraction,
        default=0.01,
        metavar="X",
        help="share of other people to accept, above 0 to 1; sets the threshold (default: "
        "%(default)s)",
    )


def positive_fraction(text: str) -> float:
    """Parses a number above 0, up to 1."""
    return number(text, float, lambda value: 1e-9 <= value <= 1, "a number from 1e-9 to 1")
