"""Tests of corpora with symbolic and hard links."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial

import pytest

from beam_pipelines.corpus.people import Person, find_people
from beam_pipelines.corpus.trees import DiskTree, FileEntry, IgnoredEntries
from beam_pipelines.corpus.walk import RepeatedLink
from tests.conftest import write_corpus
from tests.tools import files_of
from tfdata import load_manifest


@pytest.fixture
def tree(tmp_path):
    """A person with two videos of one file each, and a folder outside of the tree."""
    for name in ("root/ann/v1/0.jpg", "root/ann/v2/0.jpg", "outside/9.jpg", "outside/blob"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "root"


def listed(root, folder="ann"):
    """The paths of files and the repeated links of a person."""
    *found, ignored = DiskTree(root).files(folder, (".jpg",))
    assert isinstance(ignored, IgnoredEntries)
    files = sorted(entry.path for entry in found if isinstance(entry, FileEntry))
    links = sorted(entry.path for entry in found if isinstance(entry, RepeatedLink))
    assert len(files) + len(links) == len(found)
    return files, links


OWN = ["v1/0.jpg", "v2/0.jpg"]


@pytest.mark.parametrize(
    ("link", "target", "files", "is_repeated"),
    [
        ("best", "v1", OWN, True),  # "best" is before "v1"
        ("zero.jpg", "v1/0.jpg", OWN, True),
        ("v1/circle", "..", OWN, True),
        ("v1/everybody", "../..", OWN, True),
        ("v1/itself", ".", OWN, True),
        ("old", "../../outside", ["old/9.jpg", *OWN], False),
        ("old.jpg", "../../outside/9.jpg", ["old.jpg", *OWN], False),
        ("old.jpg", "../../outside/blob", ["old.jpg", *OWN], False),  # named as media by the link
    ],
)
def test_a_file_is_listed_once_by_its_real_path(tree, link, target, files, is_repeated):
    (tree / "ann" / link).symlink_to(target)
    assert listed(tree) == (files, [f"ann/{link}"] if is_repeated else [])


def test_of_several_links_to_one_place_the_first_is_followed(tree):
    for name in ("c", "b", "d"):
        (tree / "ann" / name).symlink_to("../../outside")
    (tree / "ann" / "e.jpg").symlink_to("../../outside/9.jpg")
    (tree / "ann" / "v1" / "a.jpg").symlink_to(tree / "ann" / "e.jpg")
    assert listed(tree) == (
        ["b/9.jpg", *OWN],
        ["ann/c", "ann/d", "ann/e.jpg", "ann/v1/a.jpg"],
    )


def test_the_order_of_a_listing_does_not_matter(tree, monkeypatch):
    outside = tree.parent / "outside"
    (outside / "deep").mkdir()
    (outside / "deep" / "8.jpg").touch()
    for name, target in (("b", outside), ("a", outside / "deep"), ("c.jpg", outside / "9.jpg")):
        (tree / "ann" / name).symlink_to(target)
    usual = os.scandir

    @contextmanager
    def ordered(path, reverse):
        with usual(path) as entries:
            yield sorted(entries, key=lambda entry: entry.name, reverse=reverse)

    for reverse in (False, True):
        monkeypatch.setattr("os.scandir", partial(ordered, reverse=reverse))
        assert listed(tree) == (["a/8.jpg", "b/9.jpg", *OWN], ["ann/c.jpg"])


def test_links_between_folders_outside_end(tree):
    outside = tree.parent / "outside"
    (tree / "ann" / "far").symlink_to(outside)
    (outside / "round").symlink_to(tree)
    (outside / "twice").symlink_to(outside)
    assert listed(tree) == (["far/9.jpg", *OWN], ["ann/far/round", "ann/far/twice"])


def test_a_person_may_be_a_link(tree):
    (tree / "bob").symlink_to(tree.parent / "outside")
    assert listed(tree, "bob") == (["9.jpg"], [])


def test_links_change_no_byte_of_a_dataset_and_are_named(corpus, data_set, build, tmp_path, capsys):
    linked = write_corpus(tmp_path)
    video = linked.faces / "Person_0" / "1.6"
    (video / "-best").symlink_to("-video00")
    (video / "-video01" / "copy.jpg").symlink_to(next((video / "-video02").iterdir()))
    (linked.audio / "id10001" / "a").symlink_to(linked.audio / "id10001")
    output = tmp_path / "set"
    assert build(*linked.flags, f"--output={output}") == 0
    assert files_of(output) == files_of(data_set)
    assert (
        "3 symbolic links (Person_0/1.6/-best, Person_0/1.6/-video01/copy.jpg, id10001/a) ignored, "
        "because they lead to media that are listed already"
    ) in capsys.readouterr().out


def test_two_people_of_one_folder_are_one_person(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2)
    for root in (corpus.faces, corpus.audio):
        for found in root.iterdir():
            found.rename(root / f"p{found.name[-1]}")
        (root / "a_link").symlink_to("p0")
    roots = [f"--faces={corpus.faces}", f"--audio={corpus.audio}"]
    output = tmp_path / "set"
    assert build(*roots, f"--output={output}") == 0
    assert set(load_manifest(output).people) == {"p0", "p1"}
    assert "1 more person (a_link) left out, because links lead to" in capsys.readouterr().out


@pytest.mark.parametrize("excluded", ["p0", "a_link"])
def test_to_exclude_a_person_excludes_their_links(tmp_path, excluded):
    for root in ("faces", "audio"):
        for person in ("p0", "p1"):
            (tmp_path / root / person).mkdir(parents=True)
        (tmp_path / root / "a_link").symlink_to("p0")
    found = find_people(tmp_path / "faces", tmp_path / "audio", None, (excluded,))
    assert found.people == [Person("p1", "p1", "p1", {})]
    assert found.linked == ()
