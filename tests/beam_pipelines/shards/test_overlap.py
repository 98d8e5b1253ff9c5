"""Tests of outputs that are not apart from the corpus, or whose work folder is elsewhere."""

from __future__ import annotations

import shutil

import pytest

from beam_pipelines.errors import BuildError
from beam_pipelines.shards.overlap import check_no_overlap
from tests.conftest import write_corpus
from tests.tools import contents_below, error_line
from tfdata.storage.base import Address


@pytest.fixture
def small_corpus(tmp_path):
    corpus = write_corpus(tmp_path / "media" / "corpus", people=1, videos=1)
    (tmp_path / "link").symlink_to(tmp_path / "media")
    return corpus


@pytest.mark.parametrize(
    ("output", "relation"),
    [
        ("media/corpus/faces", "is the same directory as --faces"),
        ("media/corpus/wav", "is the same directory as --audio"),
        ("media/corpus/faces/set", "is inside --faces"),
        ("media/corpus/wav/id10000/new/set", "is inside --audio"),
        ("media/corpus/faces/../wav/set", "is inside --audio"),
        ("media/corpus", "is inside --output"),
        ("media", "is inside --output"),
        ("link", "is inside --output"),
        ("link/corpus/faces", "is the same directory as --faces"),
        ("link/corpus/faces/set", "is inside --faces"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--dry_run"]])
def test_an_output_that_is_not_apart_from_the_corpus_is_refused(
    small_corpus, build, tmp_path, capsys, output, relation, flags
):
    before = contents_below(tmp_path)
    assert build(*small_corpus.flags, f"--output={tmp_path / output}", *flags) == 1
    error = error_line(capsys)
    assert relation in error
    assert f"--output {tmp_path / output}" in error
    assert "name a directory apart from the corpus" in error
    assert contents_below(tmp_path) == before


def test_the_corpus_may_be_named_through_a_link(small_corpus, build, tmp_path, capsys):
    linked = [f"--{name}={tmp_path / 'link/corpus' / name}" for name in ("faces", "audio")]
    before = contents_below(tmp_path)
    assert build(*linked, f"--output={small_corpus.faces / 'set'}") == 1
    assert "is inside --faces" in error_line(capsys)
    assert contents_below(tmp_path) == before


def test_an_output_inside_the_sample_corpus_is_refused_before_that_is_created(
    build, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert build("--output=data/sample_corpus/set") == 1
    assert "is inside the sample corpus data/sample_corpus" in error_line(capsys)
    assert not list(tmp_path.iterdir())


def test_places_that_are_apart_are_accepted(small_corpus, tmp_path):
    roots = {"--faces": small_corpus.faces, "--audio": small_corpus.audio}
    for output in (tmp_path / "media/corpus/set", tmp_path / "media/corpus/faces2", tmp_path / "x"):
        check_no_overlap(output, roots)
    check_no_overlap(Address("s3://bucket/faces2"), {"--faces": Address("s3://bucket/faces")})
    check_no_overlap(Address("s3://bucket/faces"), roots)


@pytest.mark.parametrize("output", ["s3://bucket/faces", "s3://bucket/faces/set", "s3://bucket"])
def test_urls_are_compared_by_folders(output):
    with pytest.raises(BuildError, match="name a directory apart"):
        check_no_overlap(Address(output), {"--faces": Address("s3://bucket/faces")})


@pytest.mark.parametrize("content", ["a build's", "files of others", "nothing", "missing"])
def test_a_work_folder_that_is_a_link_is_refused_and_its_files_stay(
    data_set, build, corpus, tmp_path, capsys, content
):
    elsewhere, output = tmp_path / "elsewhere", tmp_path / "set"
    output.mkdir()
    if content == "a build's":
        shutil.copytree(data_set / ".build", elsewhere)
        (elsewhere / "leaks.json").write_text("{}")
    elif content != "missing":
        elsewhere.mkdir()
    if content == "files of others":
        (elsewhere / "rejects.jsonl").write_text("precious")
    (output / ".build").symlink_to(elsewhere)
    before = contents_below(tmp_path)
    for flags in ([], ["--dry_run"]):
        assert build(*corpus.flags, f"--output={output}", *flags) == 1
        assert f"--output {output}" in error_line(capsys)
    assert contents_below(tmp_path) == before
