"""Tests of the files that a corpus lists and ignores, and of the videos that folders name."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image

from beam_pipelines.corpus.ignored import Ignored
from beam_pipelines.corpus.listing import CLIP, FACE, find_crop_folder, list_files
from beam_pipelines.corpus.people import Person
from beam_pipelines.corpus.swapped_trees import are_swapped
from beam_pipelines.corpus.trees import DiskTree
from facevoice.features import image_decoding
from facevoice.features.file_types import IMAGE_SUFFIXES
from tests.conftest import write_clip, write_corpus, write_face

ANN = Person("ann", "ann", "ann")


@pytest.fixture
def root(tmp_path):
    """A corpus of one face and one clip of one person."""
    write_face(tmp_path / "faces/ann/v1/0.jpg", 1)
    write_clip(tmp_path / "audio/ann/v1/0.wav", 1)
    return tmp_path


def list_ann(root):
    return list_files(ANN, {FACE: DiskTree(root / "faces"), CLIP: DiskTree(root / "audio")})


@pytest.mark.parametrize(
    "folder",
    [
        ".ipynb_checkpoints",
        "__MACOSX",
        "@eaDir",
        ".AppleDouble",
        "$RECYCLE.BIN",
        "a/b/.git/objects",
    ],
)
def test_media_in_folders_of_tools_are_ignored_and_counted(root, folder):
    expected = list_ann(root)
    for name in ("0-checkpoint.jpg", "readme.txt", "deeper/1.jpg"):
        path = root / "faces/ann/v1" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "faces/ann/v1/0.jpg", path)
    found = list_ann(root)
    helper = next(part for part in folder.split("/") if part not in "ab")
    assert found.ignored == (Ignored(FACE, f"{helper}/", 3),)
    assert (found.faces, found.clips) == (expected.faces, expected.clips)


def test_folders_of_tools_are_no_people(root):
    for name in ("__MACOSX", ".Trashes", "lost+found", "System Volume Information", "#recycle"):
        (root / "faces" / name).mkdir()
    assert DiskTree(root / "faces").folders() == ["ann"]


def test_files_that_are_no_media_are_counted_by_extension(root):
    for name in ("._0.jpg", "Thumbs.db", "a.TXT", "b.txt", "clip.mp4", "no_extension"):
        (root / "faces/ann/v1" / name).write_bytes(b"x")
    (root / "audio/ann/v1/0.jpg").write_bytes(b"x")
    assert list_ann(root).ignored == (
        Ignored(FACE, "", 1),
        Ignored(FACE, ".mp4", 1),
        Ignored(FACE, ".txt", 2),
        Ignored(FACE, "hidden", 2),
        Ignored(CLIP, ".jpg", 1),
    )


@pytest.mark.parametrize(
    ("tree", "name"),
    [
        *(("faces", f"x{suffix}") for suffix in (".pgm", ".jp2", ".HEIF", ".jpg?152")),
        *(("audio", f"x{suffix}") for suffix in (".oga", ".sph", ".WAV", ".wav?dl=1")),
    ],
)
def test_media_are_found_by_what_decoders_read(root, tree, name):
    (root / tree / "ann/v1" / name).write_bytes(b"x")
    found = list_ann(root)
    assert f"ann/v1/{name}" in {file.path for file in (*found.faces, *found.clips)}


@pytest.mark.parametrize(
    ("faces", "clips", "folder"),
    [
        (["1.6/v/0.jpg", "1.6/w/0.jpg"], ["v/0.wav"], "1.6"),
        (["1.6/v/0.jpg", "portrait.jpg"], ["v/0.wav"], "1.6"),
        (["1.6/v/0.jpg", "extra/0.jpg"], ["v/0.wav"], "1.6"),
        (["3.05/v/0.jpg"], ["4.05/v/0.wav"], ""),  # days, of which each tree has another
        (["1.6/v/0.jpg", "1.5/v/0.jpg"], ["v/0.wav"], ""),  # two levels could be two takes
        (["1.6/v/0.jpg"], ["1.6/v/0.wav"], ""),  # it is in both trees
        (["2023.05/v/0.jpg"], ["v/0.wav"], ""),  # a date
        (["v/0.jpg"], ["v/0.wav"], ""),
    ],
)
def test_only_the_crop_factor_of_voxceleb_is_no_part_of_a_video(faces, clips, folder):
    assert find_crop_folder(faces, clips) == folder


def test_numbered_folders_stay_videos_of_their_own(root):
    for month in ("2023.05", "2023.06"):
        write_face(root / "faces/ann" / month / "interview/0.jpg", 1)
        write_clip(root / "audio/ann" / month / "interview/0.wav", 1)
    found = list_ann(root)
    expected = {"v1", "2023.05/interview", "2023.06/interview"}
    assert {face.session for face in found.faces} == expected
    assert {clip.session for clip in found.clips} == expected


def test_a_build_names_what_it_ignores(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus", people=2)
    face = next(corpus.faces.rglob("*.jpg"))
    copy = face.parent / ".ipynb_checkpoints" / "0-checkpoint.jpg"
    copy.parent.mkdir()
    shutil.copy(face, copy)
    (face.parent / "interview.mp4").write_bytes(b"x")
    for name in ("portrait.jpg", "__MACOSX/ann/._0.jpg", ".DS_Store"):
        (corpus.audio / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus.audio / name).write_bytes(b"x")
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    printed = capsys.readouterr().out
    assert (
        "2 files of --faces ignored, not images by name or place: 1 in .ipynb_checkpoints/, "
        "1 .mp4 (videos)"
    ) in printed
    assert (
        "3 files of --audio ignored, not clips by name or place: 1 in __MACOSX/, 1 hidden, "
        "1 outside of the directories of people"
    ) in printed
    manifest = json.loads((tmp_path / "set/dataset.json").read_text())
    videos = [
        video for split in manifest["splits"].values() for video in split["sessions"].values()
    ]
    assert ".ipynb" not in str(videos)


@pytest.mark.parametrize("is_voxceleb", [False, True])
def test_swapped_trees_are_recognised_at_once(build, root, corpus, tmp_path, capsys, is_voxceleb):
    faces, audio, flags = root / "faces", root / "audio", []
    if is_voxceleb:
        faces, audio, flags = corpus.faces, corpus.audio, [f"--meta={corpus.meta}"]
    output = tmp_path / "set"
    assert build(f"--faces={audio}", f"--audio={faces}", *flags, f"--output={output}") == 1
    printed = capsys.readouterr()
    assert printed.err == (
        f"error: --faces {audio} has clips and --audio {faces} has images; swap the two flags.\n"
    )
    assert printed.out == ""
    assert not output.exists()


def test_trees_that_are_not_swapped_are_recognised_by_one_file_of_one_person(root, monkeypatch):
    """In S3, each listing is a request."""
    listed = []
    files = DiskTree.files

    def counted_files(tree, folder, suffixes):
        listed.append(folder)
        return files(tree, folder, suffixes)

    monkeypatch.setattr(DiskTree, "files", counted_files)
    faces, audio = DiskTree(root / "faces"), DiskTree(root / "audio")
    assert not are_swapped(faces, faces.folders(), audio, audio.folders())
    assert listed == ["ann"]
    assert are_swapped(audio, audio.folders(), faces, faces.folders())


def test_trees_of_different_people_are_not_called_swapped(build, corpus, root, tmp_path, capsys):
    flags = [f"--faces={root / 'faces'}", f"--audio={corpus.audio}", f"--meta={corpus.meta}"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 1
    assert capsys.readouterr().err.endswith("; check --faces, --audio and --meta.\n")


def test_all_extensions_of_the_image_formats_that_are_decoded_are_known():
    formats = Image.registered_extensions()
    decoded = {suffix for suffix, name in formats.items() if name in image_decoding.FORMATS}
    assert decoded <= set(IMAGE_SUFFIXES)


def test_videos_in_faces_are_named_in_the_error(build, root, tmp_path, capsys):
    (root / "faces/ann/v1/0.jpg").rename(root / "faces/ann/v1/0.mp4")
    flags = [f"--faces={root / 'faces'}", f"--audio={root / 'audio'}"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 1
    assert "(1 file of --faces ignored, not images by name or place: 1 .mp4 (videos))." in (
        capsys.readouterr().err
    )


def test_similar_names_are_suggested_where_no_person_is_in_both_trees(build, root, capsys):
    (root / "audio/ann").rename(root / "audio/Ann_")
    (root / "faces/ann").rename(root / "faces/ann x")
    flags = [f"--faces={root / 'faces'}", f"--audio={root / 'audio'}"]
    assert build(*flags, f"--output={root / 'set'}") == 1
    assert "did you mean Ann_ of --audio for ann x of --faces?" in capsys.readouterr().err
