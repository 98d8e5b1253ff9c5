"""Reads the text tables of a corpus: metadata files and split files.

All text is in Unicode's composed form (NFC), as are the names of people and videos. The names of
files and directories may be in another form, which depends on the tool that copied them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

from beam_pipelines.errors import BuildError
from tfdata.storage.base import Place
from tfdata.storage.factory import read_file
from tfdata.text import counted, nfc

MAX_SHOWN = 80  # characters of a line in an error
_SUPPORTED = "\t,"
_DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars"}


@dataclass(frozen=True)
class Line:
    """A line of a text file, and its number from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Row:
    """The cells of a line, without surrounding spaces."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A table with named columns.

    Attributes:
      first_line: the beginning of the first line as it is written, for errors.
      header: names of the columns.
      rows: rows with a cell for each column.
    """

    first_line: str
    header: list[str]
    rows: list[Row]


def read_lines(path: Place, file: str) -> list[Line]:
    """Reads the lines of a text file that are not blank.

    The file is UTF-8, with or without a byte order mark, and with line ends of any system.

    Args:
      path: path or URL of the file.
      file: name of the file in errors, such as "--split_file iden_split.txt".

    Raises:
      BuildError: the file cannot be read, or is empty.
    """
    try:
        text = read_file(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise BuildError(f"{file} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise BuildError(
            f"{file} cannot be read: it is not UTF-8 text; save it as UTF-8."
        ) from None
    # Not splitlines, which also divides lines at characters that may be in a name.
    lines = enumerate(nfc(text).split("\n"), 1)
    found = [Line(number, line) for number, line in lines if line.strip()]
    if not found:
        raise BuildError(f"{file} is empty; give another file, or none.")
    return found


def read_table(path: Place, file: str) -> Table:
    """Reads a table whose first line names the columns, separated by tabs or commas.

    Cells may be in double quotes if commas separate them; in a table with tabs, a quote is part of
    a name. Rows whose cells are all empty are skipped.

    Args:
      path, file: as for `read_lines`.

    Raises:
      BuildError: the file cannot be read, is empty or separated otherwise, or has a row with too
        few cells, too many, or an unbalanced quote.
    """
    lines = read_lines(path, file)
    delimiter = _delimiter(lines[0], file)
    first, *rows = (Row(line.number, _cells(line, delimiter, file)) for line in lines)
    header = _without_empty_end(first.cells)
    columns = len(header)
    for row, line in zip(rows, lines[1:], strict=True):
        if any(row.cells) and (len(row.cells) < columns or any(row.cells[columns:])):
            raise BuildError(
                f"{file} has {counted(len(row.cells), 'column')} in line {row.number}, "
                f"{_shown(line)}, but its first line names {columns}, separated by "
                f"{_DELIMITERS[delimiter]}; correct or remove the line."
            )
    filled = [Row(row.number, row.cells[:columns]) for row in rows if any(row.cells)]
    return Table(lines[0].text[:MAX_SHOWN], header, filled)


def _delimiter(first: Line, file: str) -> str:
    """Returns what separates the columns: a tab if there is one, or else the most frequent mark."""
    found = "\t" if "\t" in first.text else max(_DELIMITERS, key=first.text.count)
    if found == "\t" and '"' in first.text:
        raise BuildError(
            f"{file} begins with {_shown(first)}; cells that tabs separate are read with their "
            f"quotes, so write them without."
        )
    if found not in _SUPPORTED:
        raise BuildError(
            f"{file} has columns separated by {_DELIMITERS[found]}, {_shown(first)}; separate "
            f"them by tabs or commas."
        )
    return found


def _cells(line: Line, delimiter: str, file: str) -> list[str]:
    if delimiter == "\t":
        return [cell.strip() for cell in line.text.split("\t")]
    try:
        cells = next(csv.reader([line.text], delimiter=delimiter, strict=True))
    except csv.Error as error:  # an unbalanced quote, or a very long cell
        raise BuildError(
            f"{file} cannot be read in line {line.number}, {_shown(line)}: {error}; check its "
            f"quotes."
        ) from None
    return [cell.strip() for cell in cells]


def _without_empty_end(cells: list[str]) -> list[str]:
    """Returns the cells up to the last that is not empty."""
    return cells[: max((i for i, cell in enumerate(cells, 1) if cell), default=0)]


def _shown(line: Line) -> str:
    return repr(line.text[:MAX_SHOWN])
