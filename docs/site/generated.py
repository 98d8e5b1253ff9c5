"""Parts of pages that are generated from the code: flags and reject reasons."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points

from facevoice import cli
from facevoice.features.reject_reasons import Reason
from tfdata.command_line import Parser

# In a page, the comment <!-- generated: NAME -->.
_MARK = re.compile(r"<!-- generated: (\w+) -->")


class _Found(BaseException):
    """Ends a command when its parser is complete."""


def fill(markdown: str) -> str:
    """Returns a page with its generated parts."""
    return _MARK.sub(lambda mark: _PARTS[mark[1]](), markdown)


def parsers() -> dict[str, Parser]:
    """Returns the parser of each sub-command of `facevoice`, in the order of its help."""
    commands = {point.name: point for point in entry_points(group=cli.GROUP)}
    order = [*cli.SUMMARIES, *sorted(commands)]
    names = sorted(commands, key=order.index)
    return {name: _parser(commands[name].load(), name) for name in names}


def flags() -> str:
    """Returns a section with description and flags for each command."""
    return "\n\n".join(_command(name, parser) for name, parser in parsers().items())


def reject_reasons() -> str:
    """Returns a table of the reject reasons."""
    rows = [f"| `{reason.value}` | {_cell(reason.description)} |" for reason in Reason]
    return "\n".join(["| reason | the file is |", "|---|---|", *rows])


_PARTS: dict[str, Callable[[], str]] = {"flags": flags, "reject_reasons": reject_reasons}


def _parser(command: Callable[..., int], name: str) -> Parser:
    """Runs a command until it parses its arguments; returns its parser."""
    found: list[Parser] = []

    def stop(parser: Parser, *_: object) -> None:
        found.append(parser)
        raise _Found

    usual = Parser.parse_known_args
    Parser.parse_known_args = stop  # type: ignore[method-assign,assignment]
    try:
        command([], prog=f"facevoice {name}")
    except _Found:
        return found[0]
    finally:
        Parser.parse_known_args = usual  # type: ignore[method-assign]
    raise AssertionError(f"{name} parses no arguments")


def _command(name: str, parser: Parser) -> str:
    description = (parser.description or "").strip()
    positional = [action.metavar for action in parser._get_positional_actions()]
    usage = " ".join(["facevoice", name, "[FLAGS]", *map(str, positional)])
    parts = [f"## {name}", f"```text\n{usage}\n```", *map(_paragraph, description.split("\n\n"))]
    return "\n\n".join([*parts, *_tables(parser)])


def _paragraph(text: str) -> str:
    """Returns a paragraph of a description; indented lines, as of lists, keep their form."""
    lines = text.split("\n")
    indented = next((i for i, line in enumerate(lines) if line.startswith("  ")), len(lines))
    parts = []
    if indented:
        between = " ".join(lines[:indented]).split("`")  # every second part is code
        between[::2] = map(_escape, between[::2])
        parts.append("`".join(between))
    if indented < len(lines):
        listing = textwrap.dedent("\n".join(lines[indented:]))
        parts.append(f"```text\n{listing}\n```")
    return "\n\n".join(parts)


def _tables(parser: Parser) -> Iterator[str]:
    """Yields a table for each group of flags that has some."""
    for group in parser._action_groups:
        actions = [
            action
            for action in group._group_actions
            if action.help != argparse.SUPPRESS
            and not {"--help", "--version"}.intersection(action.option_strings)
        ]
        if actions:
            title = group.title or ""
            if title not in ("options", "positional arguments"):
                yield f"**{title[0].upper()}{title[1:]}**"
            rows = [f"| {_flag(action)} | {_cell(_help(parser, action))} |" for action in actions]
            yield "\n".join(["| flag | meaning |", "|---|---|", *rows])


def _flag(action: argparse.Action) -> str:
    """Returns the flag with the form of its value, as code."""
    value = action.metavar
    if value is None and action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if value is None and action.nargs != 0:
        value = action.dest.upper()
    text = value if isinstance(value, str) and action.nargs != 0 else ""
    parts = [", ".join(action.option_strings), text]
    flag = " ".join(filter(None, parts)).replace("|", "\\|")
    return f"`{flag}` (required)" if action.required and action.option_strings else f"`{flag}`"


def _help(parser: Parser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action)


def _cell(text: str) -> str:
    """Returns plain text as the content of a table's cell."""
    return _escape(" ".join(text.split()))


def _escape(text: str) -> str:
    """Escapes the characters that Markdown would interpret."""
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", text)
