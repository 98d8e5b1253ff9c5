"""Tests of corpora with symbolic and hard links."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial

import pytest

from beam_pipelines.corpus.people import Person, find_people
from beam_pipelines.corpus.trees import DiskTree, FileEntry, IgnoredEntries
from beam_pipelines.corpus.walk import RepeatedLink
from beam_pipelines.people_messages import people_line
from tests.conftest import write_corpus
from tests.tools import files_of


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
        "3 symbolic links (--audio id10001/a, --faces Person_0/1.6/-best, --faces "
        "Person_0/1.6/-video01/copy.jpg) ignored, because they lead to media that are "
        "listed already"
    ) in capsys.readouterr().out


@pytest.fixture
def two_people(tmp_path):
    """The roots of p0 and p1, who have empty directories."""
    for root in ("faces", "audio"):
        for person in ("p0", "p1"):
            (tmp_path / root / person).mkdir(parents=True)
    return tmp_path / "faces", tmp_path / "audio"


P0, P1 = Person("p0", "p0", "p0", {}), Person("p1", "p1", "p1", {})


@pytest.mark.parametrize(
    ("in_faces", "in_audio", "linked", "audio_only", "said"),
    [
        ("link", "link", ("a -> p0",), (), "1 symbolic link to the directory of another person"),
        ("link", None, ("--faces a -> p0",), (), "left out (--faces a -> p0)"),
        (None, "link", ("--audio a -> p0",), (), "left out (--audio a -> p0)"),
        ("link", "folder", ("--faces a -> p0",), ("a",), "1 directory of audio has no counterpart"),
    ],
)
def test_a_linked_person_is_left_out_and_named(
    two_people, in_faces, in_audio, linked, audio_only, said
):
    for root, kind in zip(two_people, (in_faces, in_audio), strict=True):
        if kind == "link":
            (root / "a").symlink_to("p0")
        elif kind == "folder":
            (root / "a").mkdir()
    found = find_people(*two_people, None)
    assert found.people == [P0, P1]
    assert (found.linked, found.faces_without_audio) == (linked, ())
    assert found.audio_without_faces == audio_only
    assert said in people_line(found, None)


def test_a_person_is_linked_by_names_of_a_meta_file(two_people, tmp_path):
    faces, audio = two_people
    (faces / "Another").symlink_to(faces / "p0")
    (tmp_path / "elsewhere").mkdir()
    for name in ("id1", "id2"):
        (audio / name).symlink_to(tmp_path / "elsewhere")
    meta = tmp_path / "meta.csv"
    meta.write_text("VoxCeleb1 ID,VGGFace1 ID\nid1,p0\nid2,Another\np1,p1\n")
    found = find_people(faces, audio, meta)
    assert found.people == [
        Person("p0", "p0", "id1", {"id": "id1"}),
        Person("p1", "p1", "p1", {"id": "p1"}),
    ]
    assert found.linked == (
        f"--audio id2 -> {tmp_path / 'elsewhere'}",
        f"--faces Another -> {faces / 'p0'}",
    )


@pytest.mark.parametrize("excluded", ["p0", "a_link"])
def test_to_exclude_a_person_excludes_their_links(two_people, excluded):
    for root in two_people:
        (root / "a_link").symlink_to("p0")
    found = find_people(*two_people, None, (excluded,))
    assert found.people == [P1]
    assert found.linked == ()
