"""Tests of metadata files and split files as other programs and people write them."""

from __future__ import annotations

import unicodedata

import pytest

from beam_pipelines.corpus.meta_file import read_meta
from beam_pipelines.corpus.split_file import read_split_file
from beam_pipelines.errors import BuildError

HEADER = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"
ROWS = [f"id{i}\tPerson_{i}\tf\tNorway\ttest" for i in range(4)]


def written(path, *lines, encoding="utf-8"):
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def identities(meta):
    return [row.identity for row in read_meta(meta)]


@pytest.mark.parametrize("name", ['"Weird_Al', 'Person "Q" Two', '"Two"', "O'Brien", 'Two"'])
def test_a_quote_between_tabs_is_part_of_the_name(tmp_path, name):
    meta = written(tmp_path / "meta.csv", HEADER, *ROWS, f"id9\t{name}\tf\tNorway\ttest", ROWS[0])
    assert identities(meta) == [*(f"Person_{i}" for i in range(4)), name]


def test_cells_between_commas_may_be_quoted(tmp_path):
    meta = written(
        tmp_path / "meta.csv",
        "VoxCeleb1_ID, VGGFace1_ID ,Nationality",
        'id1,"Smith, John","Korea, ""South"""',
        "id2 ,Person_2, UK ",
    )
    assert [(row.audio_id, row.identity, row.facts) for row in read_meta(meta)] == [
        ("id1", "Smith, John", {"id": "id1", "nationality": 'Korea, "South"'}),
        ("id2", "Person_2", {"id": "id2", "nationality": "UK"}),
    ]


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("read", [read_meta, read_split_file])
def test_an_empty_file_is_said_to_be_empty(tmp_path, read, text):
    file = written(tmp_path / "table.csv", text)
    with pytest.raises(BuildError, match=rf"{file} is empty; give another file, or none\.$"):
        read(file)


def test_a_metadata_file_without_people_is_an_error(tmp_path):
    meta = written(tmp_path / "meta.csv", HEADER, "")
    with pytest.raises(BuildError, match="has no line for a person"):
        read_meta(meta)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("id9\tPerson_9\tf", ["3 columns in line 4", "names 5", "tabs", "Person_9"]),
        ("id9", ["1 column in line 4"]),
        ("id9,Person_9,f,Norway,test", ["1 column in line 4", "tabs"]),
        ("id9\tPerson_9\tf\tNorway\ttest\tmore", ["6 columns in line 4"]),
        ("\tPerson_9\tf\tNorway\ttest", ["line 4", "'voxceleb1 id'"]),
        ("id9\t \tf\tNorway\ttest", ["line 4", "'vggface1 id'"]),
        ("id0\tOther\tf\tNorway\ttest", ["id0 two names", "lines 2 and 4"]),
        ("id9\tPerson_0\tf\tNorway\ttest", ["Person_0 two ids", "lines 2 and 4"]),
        ("id0\tPerson_0\tm\tNorway\ttest", ["id0 in two ways", "lines 2 and 4"]),
    ],
)
def test_the_line_of_a_bad_row_is_in_the_error(tmp_path, row, words):
    meta = written(tmp_path / "meta.csv", HEADER, ROWS[0], "", row, *ROWS[1:])
    with pytest.raises(BuildError) as error:
        read_meta(meta)
    assert all(word in str(error.value) for word in [*words, str(meta)]), error.value


@pytest.mark.parametrize(
    ("row", "word"), [('id9,"Person_9', "line 3"), ("id9,Smith, John", "3 columns in line 3")]
)
def test_the_line_of_a_bad_row_between_commas_is_in_the_error(tmp_path, row, word):
    meta = written(
        tmp_path / "meta.csv", "VoxCeleb1 ID,VGGFace1 ID", "id1,Person_1", row, "id2,Person_2"
    )
    with pytest.raises(BuildError, match=word):
        read_meta(meta)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (HEADER.replace("\t", ";"), "separated by semicolons"),
        (HEADER.replace("\t", "|"), "separated by vertical bars"),
        ("VoxCeleb1_ID VGGFace1_ID", "separated by tabs or commas"),
        ('"VoxCeleb1 ID"\t"VGGFace1 ID"', "quotes"),
    ],
)
def test_how_columns_are_separated_is_in_the_error(tmp_path, header, word):
    meta = written(tmp_path / "meta.csv", header)
    with pytest.raises(BuildError, match=word):
        read_meta(meta)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_byte_order_marks_line_ends_and_blank_lines_change_nothing(tmp_path, end, encoding):
    meta = tmp_path / "meta.csv"
    meta.write_bytes(end.join([HEADER, "", *ROWS, "\t\t\t\t", ""]).encode(encoding))
    assert read_meta(meta) == read_meta(written(tmp_path / "plain.csv", HEADER, *ROWS))
    table = tmp_path / "split.txt"
    table.write_bytes(end.join(["1 id1/v/1.wav", "", "3\tid1/v/2.wav", ""]).encode(encoding))
    assert read_split_file(table) == {"id1": {"v/1": "train", "v/2": "test"}}


def test_a_line_separator_within_a_name_ends_no_line(tmp_path):
    meta = written(tmp_path / "meta.csv", HEADER, ROWS[0], "id9\tA\u2028B\tf\tNorway\ttest")
    assert identities(meta) == ["Person_0", "A\u2028B"]


@pytest.mark.parametrize("read", [read_meta, read_split_file])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_that_is_not_utf_8_is_refused(tmp_path, read, encoding):
    table = written(tmp_path / "table", HEADER, "id9\tZoë\tf\tNorway\ttest", encoding=encoding)
    with pytest.raises(BuildError, match="save it as UTF-8"):
        read(table)


def test_names_in_tables_are_composed(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Zoë")
    meta = written(tmp_path / "meta.csv", HEADER, f"id9\t{decomposed}\tf\tCôte\ttest")
    assert identities(meta) == ["Zoë"]
    table = written(tmp_path / "split.txt", f"1 {decomposed}/{decomposed}/1.wav")
    assert read_split_file(table) == {"Zoë": {"Zoë/1": "train"}}
