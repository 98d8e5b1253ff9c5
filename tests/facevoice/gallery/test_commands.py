"""The commands enroll, identify, verify, forget and gallery, on media files and datasets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from beam_pipelines.build import main as build
from facevoice.commands import enroll, forget, gallery, identify, verify
from facevoice.gallery.gallery import AUDIO, IMAGE
from facevoice.gallery.impostors import Impostors
from facevoice.gallery.store import read_gallery
from facevoice.gallery.thresholds import ENCODER_IMPOSTORS
from tests.conftest import ONE_PROCESS, SMALL, write_clip, write_corpus, write_face
from tests.facevoice.gallery.encoders import FLAGS, OtherPixels, Pixels, Waveform


@pytest.fixture
def media(tmp_path):
    """Faces and clips of Ann, Bob and Zoë; a file's content depends on its name."""
    for person, name in enumerate(("Ann", "Bob", "Zoë")):
        for number in range(2):
            write_face(tmp_path / name / f"{number}.jpg", 10 * person + number)
            write_clip(tmp_path / name / f"{number}.wav", 10 * person + number)
    return tmp_path


@pytest.fixture
def folder(media, tmp_path, capsys):
    """A gallery of Ann and Bob, with two faces and a clip each."""
    made = tmp_path / "gallery"
    for name in ("Ann", "Bob"):
        files = [f"--face={media / name}", f"--audio={media / name / '0.wav'}"]
        assert enroll.main([f"--gallery={made}", f"--name={name}", *files, *FLAGS]) == 0
    capsys.readouterr()
    return made


@pytest.fixture
def defaults(monkeypatch):
    """Default scores of the encoders of the tests."""
    for encoder in (Pixels, Waveform):
        monkeypatch.setitem(ENCODER_IMPOSTORS, encoder.info.name, Impostors(0, 0.1))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(command, arguments, capsys, code):
    """Runs a command that fails; returns its message."""
    capsys.readouterr()
    try:
        found = command.main(arguments)
    except SystemExit as stopped:
        found = stopped.code
    printed = capsys.readouterr()
    assert (found, printed.out) == (code, "")
    *_, last = printed.err.splitlines()
    assert "Traceback" not in printed.err
    return last


def test_enrolment_stores_the_embeddings_of_the_files(folder, media):
    samples = read_gallery(folder).samples
    assert samples[IMAGE].encoder == Pixels.info
    assert samples[AUDIO].names == ("Ann", "Bob")
    assert [source.media for source in samples[IMAGE].sources] == [
        str(media / name / f"{number}.jpg") for name in ("Ann", "Bob") for number in range(2)
    ]
    digest = hashlib.sha256((media / "Bob" / "1.jpg").read_bytes()).hexdigest()
    assert samples[IMAGE].sources[3].sha256 == digest
    np.testing.assert_allclose(np.linalg.norm(samples[IMAGE].embeddings, axis=1), 1, atol=1e-6)


def test_enrolling_again_adds_what_is_new(folder, media, capsys):
    arguments = [f"--gallery={folder}", "--name=Ann", *FLAGS]
    more = ["--audio", *(str(media / "Ann" / f"{number}.wav") for number in range(2))]
    assert enroll.main([*arguments, f"--face={media / 'Ann'}", *more]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"Enrolled Ann in {folder}: 1 clip added.",
        "3 files with content that is already enrolled skipped.",
        "The gallery has 2 people.",
    ]
    assert (
        f"--face {media / 'Ann'}: 2 other files were ignored, by extension: .wav 2" in printed.err
    )


def test_a_file_that_cannot_be_used_enrols_nobody_unless_it_is_skipped(folder, media, capsys):
    before = content(folder)
    (media / "Zoë" / "2.jpg").write_bytes(b"no image")
    arguments = [f"--gallery={folder}", "--name=Zoë", f"--face={media / 'Zoë'}", *FLAGS]
    message = refused(enroll, arguments, capsys, 1)
    assert message.startswith("error: Zoë was not enrolled, as 1 file cannot be used; omit it")
    assert content(folder) == before
    assert enroll.main([*arguments, "--skip_unusable"]) == 0
    printed = capsys.readouterr()
    assert "2 faces added" in printed.out
    assert "2.jpg cannot be used (unreadable" in printed.err


def test_a_name_is_one_person_in_each_form_of_unicode(media, tmp_path, capsys):
    for number, name in enumerate(("Zoe\u0308", "Zo\u00eb")):
        face = f"--face={media / 'Zoë' / f'{number}.jpg'}"
        assert enroll.main([f"--gallery={tmp_path / 'g'}", f"--name={name}", face, *FLAGS]) == 0
    assert read_gallery(tmp_path / "g").people == {"Zo\u00eb": {IMAGE: 2}}
    assert forget.main([f"--gallery={tmp_path / 'g'}", "--name=Zoe\u0308"]) == 0


def test_identify_names_enrolled_people_and_no_others(folder, media, defaults, capsys):
    files = [str(media / name / "0.jpg") for name in ("Ann", "Zoë")]
    assert identify.main([f"--gallery={folder}", "--face", *files, "--json", *FLAGS]) == 0
    ann, zoe = json.loads(capsys.readouterr().out)
    assert (ann["face"], ann["audio"], ann["answer"], ann["known"]) == (files[0], None, "Ann", True)
    assert [each["name"] for each in ann["people"]] == ["Ann", "Bob"]
    own = read_gallery(folder).samples[IMAGE].embeddings[:2]
    assert ann["people"][0]["score"] == pytest.approx((own[0] @ own.T).mean(), abs=1e-5)
    assert (zoe["answer"], zoe["known"], zoe["error"]) == (None, False, None)
    assert zoe["threshold"] == ann["threshold"] > zoe["people"][0]["score"]
    assert "300 of 10 people are needed" in zoe["threshold_source"]


@pytest.mark.parametrize("name", ["Ann", "Bob"])
def test_identify_fuses_faces_and_voices(folder, media, defaults, capsys, name):
    arguments = ["--face", str(media / name / "1.jpg"), "--audio", str(media / name / "0.wav")]
    assert identify.main([f"--gallery={folder}", *arguments, *FLAGS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{arguments[1]} and {arguments[3]}: {name}"
    assert lines[1].split()[1] == name
    assert "for a false acceptance rate of 0.01 among 2 people: the default of" in lines[-1]


def test_without_a_threshold_nobody_is_named(folder, media, capsys):
    assert identify.main([f"--gallery={folder}", f"--face={media / 'Ann'}", *FLAGS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("undecided, as there is no threshold")
    assert lines[-1].startswith(f"No threshold: {Pixels.info.name} has no default threshold")


def test_files_that_cannot_be_used_do_not_stop_the_others(folder, media, defaults, capsys):
    arguments = [f"--gallery={folder}", f"--face={media / 'none.jpg'}", *FLAGS, "--json"]
    assert identify.main([*arguments, "--face", str(media / "Bob" / "0.jpg")]) == 1
    failed, bob = json.loads(capsys.readouterr().out)
    assert "none.jpg cannot be used" in failed["error"]
    assert (failed["answer"], bob["answer"]) == (None, "Bob")


def test_other_encoders_are_refused(folder, media, capsys):
    other = [f"--face={media / 'Ann'}", f"--face_encoder={OtherPixels.info.name}"]
    for command, more in ((enroll, ["--name=Ann"]), (identify, [])):
        message = refused(command, [f"--gallery={folder}", *more, *other], capsys, 1)
        assert "image embeddings of" in message
        assert "cannot be compared with those of" in message


def test_an_encoder_that_is_code_is_not_imported_because_a_gallery_names_it(folder, media, capsys):
    arguments = [f"--gallery={folder}", f"--face={media / 'Ann'}"]
    message = refused(identify, arguments, capsys, 1)
    assert message.endswith(f"if you trust it, name it with --face_encoder {Pixels.info.name}.")


def test_verify_compares_what_both_have(media, defaults, capsys):
    same = [str(media / "Ann"), str(media / "Ann" / "1.jpg"), *FLAGS]
    assert verify.main(same) == 0
    assert "(2 faces) and" in (printed := capsys.readouterr().out)
    assert "1.jpg (1 face): the same person, score 0." in printed
    assert verify.main([str(media / "Ann"), str(media / "Bob"), *FLAGS, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["same"] is False
    assert answer["modalities"] == ["image", "audio"]
    assert answer["score"] < answer["threshold"]


def test_forget_removes_a_person_from_all_bytes(folder, capsys):
    samples = read_gallery(folder).samples[IMAGE]
    assert forget.main([f"--gallery={folder}", "--name=Bob"]) == 0
    assert f"Removed Bob (2 faces and 1 clip) from {folder}" in capsys.readouterr().out
    everything = b"".join(content(folder).values())
    assert b"Bob" not in everything
    for name, row in zip(samples.names, samples.embeddings, strict=True):
        assert (row.tobytes() in everything) == (name == "Ann")
    message = refused(forget, [f"--gallery={folder}", "--name=an"], capsys, 1)
    assert message.endswith("has no person 'an'; did you mean Ann?")


def test_forget_says_where_else_the_name_is(folder, media, capsys):
    face = media / "Zoë" / "0.jpg"
    assert enroll.main([f"--gallery={folder}", "--name=Eve", f"--face={face}", *FLAGS]) == 0
    assert enroll.main([f"--gallery={folder}", "--name=ZOE", f"--face={face}", *FLAGS]) == 0
    capsys.readouterr()
    assert forget.main([f"--gallery={folder}", "--name=ZOE"]) == 0
    assert "1 path of other people's media in the gallery contains the name ZOE" in (
        capsys.readouterr().out
    )


def test_gallery_lists_people_and_duplicates(folder, media, capsys):
    face = media / "Ann" / "1.jpg"
    assert enroll.main([f"--gallery={folder}", "--name=Eve", f"--face={face}", *FLAGS]) == 0
    capsys.readouterr()
    assert gallery.main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}: 3 people"
    for encoder in (Pixels, Waveform):
        text = f"What the encoder {encoder.info.name} was trained on is not known."
        assert any(line.startswith(text) for line in lines[3:5])
    assert lines[5].startswith("  Ann  2 faces and 1 clip, last enrolled 20")
    assert any(line.startswith("  Ann and Eve: ") for line in lines)
    assert gallery.main([str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["people"]["Eve"]["image"][0]["media"] == str(face)
    assert found["encoders"]["audio"]["name"] == Waveform.info.name


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (enroll, ["--name=Ann"], "no files are given; use --face, --audio, or both."),
        (enroll, ["--face=x"], "no person is given; use --name NAME"),
        (enroll, ["--name=", "--face=x"], "'' is empty, or begins or ends with a space"),
        (enroll, ["--name=a\nb", "--face=x"], "has a control character or a line break"),
        (enroll, [f"--name={'a' * 9999}", "--face=x"], "aaa...aaa"),
        (enroll, ["--data=x", "--name=Ann"], "omit --name"),
        (enroll, ["--split=train", "--name=Ann", "--face=x"], "--split needs --data"),
        (enroll, ["--nmae=Ann"], "unknown flag --nmae; did you mean --name?"),
        (identify, [], "no files are given"),
        (identify, ["--face", "a", "b", "--audio", "c"], "there are 2 faces and 1 clip"),
        (identify, ["--face=x", "--false_accept_rate=0"], "use a number from 1e-9 to 1"),
        (identify, ["--face=x", "--false_accept_rate=2"], "use a number from 1e-9 to 1"),
    ],
)
def test_invalid_command_lines_are_one_line(command, arguments, message, capsys):
    found = refused(command, ["--gallery=g", *arguments], capsys, 2)
    assert message in found.removeprefix("error: ")[0].lower() + found[8:]
    assert not Path("g").exists()


def test_what_is_not_a_gallery_is_one_line(tmp_path, media, capsys):
    for command, arguments in (
        (identify, [f"--gallery={media}", "--face=x"]),
        (forget, [f"--gallery={media}", "--name=x"]),
        (gallery, [str(media)]),
    ):
        assert "is not a gallery (it has no gallery.json)" in refused(command, arguments, capsys, 1)
    arguments = [f"--gallery={media}", "--name=x", f"--face={media / 'Ann'}", *FLAGS]
    assert "which is not part of a gallery" in refused(enroll, arguments, capsys, 1)
    message = refused(
        verify, [str(media / "Ann" / "0.jpg"), str(media / "Bob" / "0.wav"), *FLAGS], capsys, 1
    )
    assert "has faces and" in message


def test_a_gallery_of_a_whole_dataset(data_set, tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus", people=3, videos=3, per_video=2, seconds=1.2)
    data = tmp_path / "set"
    assert build([*corpus.flags, f"--output={data}", *SMALL, *ONE_PROCESS, *FLAGS]) == 0
    assert enroll.main([f"--gallery={tmp_path / 'g'}", f"--data={data}"]) == 0
    assert "Enrolled 3 people" in capsys.readouterr().out
    samples = read_gallery(tmp_path / "g").samples
    assert {source.sha256 for source in samples[IMAGE].sources} == {None}
    by_files = [f"--gallery={tmp_path / 'h'}", f"--name={samples[IMAGE].names[0]}", *FLAGS]
    face = corpus.faces / samples[IMAGE].sources[0].media
    assert enroll.main([*by_files, f"--face={face}"]) == 0
    np.testing.assert_allclose(
        read_gallery(tmp_path / "h").samples[IMAGE].embeddings[0],
        samples[IMAGE].embeddings[0],
        atol=1e-6,
    )
    assert len(set(zip(samples[AUDIO].names, samples[AUDIO].sources, strict=True))) == len(
        samples[AUDIO]
    )
    message = refused(enroll, [f"--gallery={tmp_path / 'i'}", f"--data={data_set}"], capsys, 1)
    assert message.endswith("build it again with --face_encoder dlib_resnet --voice_encoder ge2e.")
