"""Pipeline options of Beam on the command line of the build.

Beam's parser accepts abbreviations and ignores unknown flags. Here every flag is a flag of the
build, an option of an installed Beam option class, or follows a bare `--`: options that only a
remote job server knows, such as Flink's `--checkpointing_interval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from tfdata.command_line import Parser


def split_at_bare_dashes(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the arguments before a bare `--`, and those after it."""
    arguments = list(argv)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def check_beam_flags(flags: list[str], parser: Parser) -> list[str]:
    """Returns the flags; exits if no Beam option class defines one of them."""
    beam = beam_parser()
    _, unknown = beam.parse_known_args(flags)
    if unknown:
        parser.refuse(
            unknown[0],
            also_known=beam._option_string_actions,
            hint=" Put an option that only a remote runner knows after a bare --.",
        )
    return flags


def beam_parser() -> Parser:
    """Returns a parser of the options of all Beam option classes."""
    parser = Parser(add_help=False, conflict_handler="resolve")
    for options in sorted(_subclasses(PipelineOptions), key=lambda cls: cls.__name__):
        options._add_argparse_args(parser)
    return parser


def _subclasses(cls: type) -> set[Any]:
    direct: list[Any] = cls.__subclasses__()
    return {*direct}.union(*(_subclasses(each) for each in direct))
