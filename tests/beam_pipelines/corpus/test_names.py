"""Tests of the names of people and videos: Unicode forms, spellings, and single people."""

from __future__ import annotations

import os
import shutil
import unicodedata

import pytest

from beam_pipelines.corpus.people import find_people
from beam_pipelines.errors import BuildError
from tests.conftest import write_clip, write_corpus, write_face
from tests.tools import read_records
from tfdata import load_manifest
from tfdata.schema import SPLITS


def nfd(text):
    return unicodedata.normalize("NFD", text)


VIDEOS = ["fête", "Zoë", "가나", "plain"]


def write_plain(root, person_in_faces, person_in_audio, video_in_audio):
    """Four videos of a person and of Ann, of two faces and two clips each."""
    for person, (faces, audio) in enumerate([(person_in_faces, person_in_audio), ("Ann", "Ann")]):
        for video in VIDEOS:
            for item in range(2):
                seed = 100 * person + 10 * VIDEOS.index(video) + item
                write_face(root / "faces" / faces / video / f"{item}.jpg", seed)
                write_clip(root / "audio" / audio / video_in_audio(video) / f"{item}.wav", seed)
    return [f"--faces={root / 'faces'}", f"--audio={root / 'audio'}"]


def test_a_video_in_two_unicode_forms_is_one_video(build, tmp_path):
    flags = write_plain(tmp_path, "José", nfd("José"), nfd)
    output = tmp_path / "set"
    assert build(*flags, f"--output={output}") == 0
    manifest = load_manifest(output)
    assert set(manifest.people) == {"José", "Ann"}
    assert manifest.corpus.videos == 2 * len(VIDEOS)
    splits_of = {}
    for split in SPLITS:
        for record in read_records(output, split):
            session = record["session"].decode()
            splits_of.setdefault((record["identity"].decode(), session), set()).add(split)
            face = tmp_path / "faces" / record["face_source"].decode()
            audio = tmp_path / "audio" / record["audio_source"].decode()
            assert face.is_file()
            assert audio.is_file()
            assert face.parent.name == unicodedata.normalize("NFC", audio.parent.name) == session
    assert splits_of.keys() == {(name, video) for name in ("José", "Ann") for video in VIDEOS}
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert {leak.same_video for leak in manifest.leakage.values()} == {0}


def test_two_folders_of_one_video_are_merged_and_tables_name_them_in_any_form(build, tmp_path):
    flags = write_plain(tmp_path, "José", nfd("José"), nfd)
    write_clip(tmp_path / "audio" / nfd("José") / "Zoë" / "7.wav", 7)
    lines = [
        f"{1 + VIDEOS.index(video) % 3} {person}/{video}/{item}.wav"
        for person in ("José", "Ann")
        for video in VIDEOS
        for item in (0, 1)
    ]
    table = tmp_path / "split.txt"
    table.write_text("\n".join([*lines, f"2 {nfd('José/Zoë/7')}.wav"]), encoding="utf-8")
    output = tmp_path / "set"
    assert build(*flags, f"--split_file={table}", f"--output={output}") == 0
    splits = load_manifest(output).splits
    assert [sorted(splits[split].sessions["José"]) for split in SPLITS] == [
        ["fête", "plain"],
        ["Zoë"],
        ["가나"],
    ]
    flags += [f"--exclude={nfd('José')}", f"--output={output}"]
    assert build(*flags) == 0
    assert set(load_manifest(output).people) == {"Ann"}


@pytest.mark.parametrize("tree", ["faces", "audio"])
def test_two_directories_of_one_person_are_refused_by_name(tmp_path, tree):
    write_plain(tmp_path, "José", "José", str)
    shutil.copytree(tmp_path / tree / "José", tmp_path / tree / nfd("José"))
    with pytest.raises(BuildError) as error:
        find_people(tmp_path / "faces", tmp_path / "audio", None)
    assert all(word in str(error.value) for word in (f"--{tree}", r"'Jose\u0301'", r"'Jos\xe9'"))


def test_directories_that_are_left_out_are_named(build, tmp_path, capsys):
    flags = write_plain(tmp_path, "José", "José", str)
    (tmp_path / "faces" / os.fsdecode(b"caf\xe9")).mkdir()
    (tmp_path / "audio" / "Zac Efron").mkdir()
    assert build(*flags, "--dry_run", f"--output={tmp_path / 'set'}") == 0
    said = capsys.readouterr().out
    assert r"1 directory (--faces caf\xe9) left out" in said
    assert "; 1 directory of audio has no counterpart (Zac Efron)" in said


def test_names_of_a_meta_file_are_suggested(corpus, build, tmp_path, capsys):
    faces = tmp_path / "faces"
    shutil.copytree(corpus.faces, faces)
    (faces / "Person_1").rename(faces / "person 1")
    flags = [f"--faces={faces}", f"--audio={corpus.audio}", f"--meta={corpus.meta}", "--dry_run"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 0
    said = capsys.readouterr().out
    assert "(person 1 of --faces, did you mean Person_1, id10001 of --audio?)" in said
    for number in (0, 2):
        (faces / f"Person_{number}").rename(faces / f"person {number}")
    assert build(*flags, f"--output={tmp_path / 'set'}") == 1
    assert "did you mean Person_0 of --meta for person 0 of --faces?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Zac Efron", "zac-efron", "ZAC_EFRON", "Zac_Efrón", "Zac_Effron"])
def test_the_nearest_name_is_offered_for_an_unknown_one(build, tmp_path, capsys, name):
    flags = write_plain(tmp_path, "Zac_Efron", "Zac_Efron", str)
    assert build(*flags, f"--exclude={name},Ann", f"--output={tmp_path / 'set'}") == 1
    error = capsys.readouterr().err
    assert f"--exclude names {name} (did you mean Zac_Efron?), not found" in error
    assert error.count("Zac_Efron") == 1
    table = tmp_path / "split.txt"
    table.write_text(f"1 {name}/plain/0.wav", encoding="utf-8")
    assert build(*flags, f"--split_file={table}", f"--output={tmp_path / 'set'}") == 1
    error = capsys.readouterr().err
    assert f"'{name}'" in error
    assert "Zac_Efron" in error
    assert not (tmp_path / "set").exists()


def test_a_split_file_that_misspells_one_of_several_people_is_refused(build, tmp_path, capsys):
    flags = write_plain(tmp_path, "Zac_Efron", "Zac_Efron", str)
    table = tmp_path / "split.txt"
    table.write_text("1 Ann/plain/0.wav\n1 Zac Efron/plain/0.wav\n1 Zoe/plain/0.wav")
    assert build(*flags, f"--split_file={table}", f"--output={tmp_path / 'set'}") == 1
    assert "lists 'Zac Efron', not found in this corpus; did you mean Zac_Efron?" in (
        capsys.readouterr().err
    )


WARNING = "nothing can be trained"


@pytest.mark.parametrize(
    ("people", "flags", "warnings"), [(1, [], 1), (2, ["--persons=1"], 1), (2, [], 0)]
)
def test_a_build_of_one_person_warns_at_once_and_once(
    build, tmp_path, capsys, people, flags, warnings
):
    corpus = write_corpus(tmp_path, people=people, videos=3)
    assert build(*corpus.flags, *flags, f"--output={tmp_path / 'set'}") == 0
    lines = capsys.readouterr().out.splitlines()
    found = [number for number, line in enumerate(lines) if WARNING in line]
    assert len(found) == warnings
    assert not found or found[0] == 1  # below the line about the people


def test_a_person_without_clips_leaves_one(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2, videos=3)
    for clip in (corpus.audio / "id10001").rglob("*.wav"):
        clip.unlink()
    assert build(*corpus.flags, "--dry_run", f"--output={tmp_path / 'set'}") == 0
    assert WARNING in capsys.readouterr().out
