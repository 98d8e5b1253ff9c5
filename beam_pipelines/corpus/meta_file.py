"""Reads a metadata file such as VoxCeleb's `vox1_meta.csv`.

It has one line per person: the id, which names the directory of audio, the name, which names the
directory of faces, and further columns such as the gender.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from beam_pipelines.corpus.tables import Row, read_table
from beam_pipelines.errors import BuildError
from tfdata.storage.base import Place


@dataclass(frozen=True)
class MetaRow:
    """A person of a metadata file.

    Attributes:
      audio_id: name of the directory of audio.
      identity: name of the person.
      facts: all columns but that of the identity; the id is named "id".
      line: line number, from 1.
    """

    audio_id: str
    identity: str
    facts: dict[str, str]
    line: int = field(default=0, compare=False)


def read_meta(path: Place) -> list[MetaRow]:
    """Reads a VoxCeleb metadata file.

    Columns are separated by tabs or commas and named `VoxCeleb1 ID` or `VoxCeleb1_ID`; repeated
    lines count once.

    Raises:
      BuildError: the file cannot be read, lacks a column, has an invalid line, or contradicts
        itself.
    """
    file = f"The metadata file {path}"
    table = read_table(path, file)
    header = [name.replace("_", " ").lower() for name in table.header]
    ids = [i for i, name in enumerate(header) if name.startswith("voxceleb")]
    names = [i for i, name in enumerate(header) if name.startswith("vggface")]
    if not ids or not names:
        raise BuildError(
            f"{file} begins with {table.first_line!r}; its first line must name the columns, among "
            f"them 'VoxCeleb1 ID' and 'VGGFace1 ID', separated by tabs or commas."
        )
    if not table.rows:
        raise BuildError(f"{file} names the columns, but has no line for a person; add them.")
    by_id: dict[str, MetaRow] = {}
    by_name: dict[str, MetaRow] = {}
    for row in table.rows:
        found = _meta_row(row, header, ids[0], names[0], file)
        for known, key in ((by_id, found.audio_id), (by_name, found.identity)):
            if (earlier := known.setdefault(key, found)) != found:
                raise BuildError(
                    f"{file} {_contradiction(earlier, found)} (lines {earlier.line} and "
                    f"{found.line}); keep one of the lines."
                )
    return list(by_id.values())


def _meta_row(row: Row, header: list[str], at_id: int, at_name: int, file: str) -> MetaRow:
    audio_id, identity = row.cells[at_id], row.cells[at_name]
    if not audio_id or not identity:
        missing = header[at_name] if audio_id else header[at_id]
        raise BuildError(
            f"{file} has an empty cell in line {row.number}, column {missing!r}; fill it or remove "
            f"the line."
        )
    facts = {
        name: cell
        for i, (name, cell) in enumerate(zip(header, row.cells, strict=False))
        if i not in (at_id, at_name)
    }
    return MetaRow(audio_id, identity, {"id": audio_id} | facts, row.number)


def _contradiction(first: MetaRow, second: MetaRow) -> str:
    if first.identity != second.identity:
        return f"gives {first.audio_id} two names"
    if first.audio_id != second.audio_id:
        return f"gives {first.identity} two ids"
    return f"describes {first.audio_id} in two ways"
