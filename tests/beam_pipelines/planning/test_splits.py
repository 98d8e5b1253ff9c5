"""Tests of builds with other splits, pairings and windows, and of dry runs."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path, PurePosixPath

import pytest

from tests.conftest import write_clip, write_corpus, write_face
from tests.tools import files_of, read_records
from tfdata import load_manifest

SPLITS = ("train", "validation", "test")
WINDOW = 8000  # half a second at 16 kHz, as SMALL has it


def records(output):
    return [
        (split, r["face_source"].decode(), r["audio_source"].decode(), r["window_start_samples"])
        for split in SPLITS
        for r in read_records(output, split)
    ]


def video(path):
    return PurePosixPath(path).parent.name


@pytest.mark.parametrize(
    "settings", [[], ["--split_by=pair"], ["--split_by=pair", "--window_overlap=0.5"]]
)
def test_the_manifest_has_the_counted_leakage(build, tmp_path, capsys, settings):
    corpus = write_corpus(tmp_path, people=2, videos=6, per_video=3, seconds=1.1)
    output = tmp_path / "set"
    flags = ["--split_fractions=60,20,20", *settings, f"--output={output}"]
    assert build(*corpus.flags, *flags) == 0
    said = capsys.readouterr().out
    found = records(output)
    train = [record for record in found if record[0] == "train"]
    for split in ("validation", "test"):
        here = [record for record in found if record[0] == split]
        videos = {video(path) for _, face, clip, _ in train for path in (face, clip)}
        same_video = sum(
            video(face) in videos or video(clip) in videos for _, face, clip, _ in here
        )
        same_audio = sum(
            any(clip == other and abs(start - at) < WINDOW for _, _, other, at in train)
            for _, _, clip, start in here
        )
        leak = load_manifest(output).leakage[split]
        assert (leak.pairs, leak.same_video, leak.same_audio) == (len(here), same_video, same_audio)
        if settings:
            assert same_video > 0
            assert f"of {len(here)} {split} pairs, {same_video} (" in said
        else:
            assert same_video == same_audio == 0
    if not settings:
        assert "no video and no audio sample of validation or test is in training" in said


def test_a_split_file_assigns_utterances_and_faces_follow(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2, videos=6, per_video=4)
    clips = sorted(path.relative_to(corpus.audio) for path in corpus.audio.rglob("*.wav"))
    left_out, listed = clips[0], clips[1:]
    split_of = {
        clip.as_posix(): SPLITS[{"0": 2, "1": 1}.get(clip.parent.name[-1], 0)] for clip in listed
    }
    lines = [f"{SPLITS.index(split) + 1} {clip}" for clip, split in split_of.items()]
    lines.append("3 id99999/elsewhere/00001.wav")
    table = tmp_path / "iden_split.txt"
    table.write_text("\r\n".join(lines))
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--split_file={table}", f"--output={output}") == 0
    found = records(output)
    assert {clip: split for split, _, clip, _ in found} == split_of
    assert len({face for _, face, _, _ in found}) == len(found) == len(listed)
    for split, face, clip, _ in found:
        assert video(face) == video(clip), split
    manifest = load_manifest(output)
    assert manifest.plan["split_by"] == "file"
    assert [leak.same_video for leak in manifest.leakage.values()] == [0, 0]
    assert "1 clip left out, because --split_file does not list it" in capsys.readouterr().out
    assert str(table).encode() not in b"".join(files_of(output).values())
    assert left_out.as_posix() not in {clip for _, _, clip, _ in found}


def test_faces_of_a_video_that_a_split_file_divides_go_to_both_splits(build, tmp_path):
    corpus = write_corpus(tmp_path, people=1, videos=1, per_video=8)
    clips = sorted(path.relative_to(corpus.audio) for path in corpus.audio.rglob("*.wav"))
    table = tmp_path / "split.txt"
    table.write_text("\n".join(f"{1 + i % 2} {clip}" for i, clip in enumerate(clips)))
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--split_file={table}", f"--output={output}") == 0
    assert [split for split, *_ in records(output)] == ["train"] * 4 + ["validation"] * 4
    assert len({face for _, face, _, _ in records(output)}) == 8
    leak = load_manifest(output).leakage["validation"]
    assert (leak.pairs, leak.same_video, leak.same_audio) == (4, 4, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4 id10000/v/1.wav", ["'4 id10000/v/1.wav'", "line 1"]),
        ("1 id10000/v/1.wav\n2 id10000/v/1.wav", ["two splits", "line 2"]),
        ("1,id10000/v/1.wav", ["line 1", "1, 2 or 3"]),
        ("1 id77777/v/1.wav", ["'id77777'", "'id10000'"]),
        ("", ["is empty"]),
    ],
)
def test_an_invalid_split_file_is_refused(corpus, build, tmp_path, capsys, text, words):
    table = tmp_path / "split.txt"
    table.write_text(text)
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--split_file={table}", f"--output={output}") == 1
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert not output.exists()


def test_a_dry_run_refuses_what_the_build_would(corpus, build, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert build(*corpus.flags, "--dry_run", f"--output={tmp_path}") == 1
    assert "holds other files" in capsys.readouterr().err
    empty = write_corpus(tmp_path / "corpus", people=1, videos=1)
    for clip in empty.audio.rglob("*.wav"):
        clip.write_bytes(b"")
    assert build(*empty.flags, "--dry_run", f"--output={tmp_path / 'set'}") == 1
    assert "No pair could be made" in capsys.readouterr().err


def test_people_and_clips_that_a_split_file_does_not_list_are_reported(
    corpus, build, tmp_path, capsys
):
    clips = sorted(path.relative_to(corpus.audio) for path in corpus.audio.rglob("*.wav"))
    table = tmp_path / "split.txt"
    lines = [f"1 {clip}" for clip in clips if clip.parts[0] == "id10000"]
    table.write_text("\n".join([*lines, "1 id10001/elsewhere/1.wav"]))
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--split_file={table}", f"--output={output}") == 0
    said = capsys.readouterr().out
    assert "2 people; --split_file does not list 1 more" in said
    assert "1 person (Person_1) without a clip that --split_file lists" in said
    assert "10 clips left out, because --split_file does not list them" in said
    facts = load_manifest(output).plan
    assert facts["split_file_sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    assert "split_fractions" not in facts


def test_contradicting_ways_to_split_are_refused(corpus, build, tmp_path, capsys):
    for flags, words in (
        (["--split_file=x", "--split_by=pair"], "contradict"),
        (["--split_file=x", "--split_fractions=50,25,25"], "remove --split_fractions"),
        (["--split_by=file"], "needs a --split_file"),
    ):
        with pytest.raises(SystemExit):
            build(*corpus.flags, *flags, f"--output={tmp_path / 'set'}")
        assert words in capsys.readouterr().err


def test_a_dry_run_prints_the_plan_and_writes_nothing(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2)
    clip = next(corpus.audio.rglob("*.wav"))
    clip.write_bytes(b"")
    output = tmp_path / "set"
    before = sorted(tmp_path.rglob("*"))
    assert build(*corpus.flags, "--dry_run", f"--output={output}") == 0
    said = capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before
    assert build(*corpus.flags, f"--output={output}") == 0
    splits = load_manifest(output).splits
    by_split = ", ".join(f"{split.pairs} {name}" for name, split in splits.items())
    shards = ", ".join(f"{len(split.shards)} {name}" for name, split in splits.items())
    assert f"19 pairs ({by_split})" in said
    assert f"{sum(len(split.shards) for split in splits.values())} shards ({shards})" in said
    assert "2 people in 10 videos, with 20 images and 19 clips (11.4 s)" in said
    assert "1 media file rejected (1 unreadable)" in said
    capsys.readouterr()
    write_clip(clip, 5)
    assert build(*corpus.flags, f"--output={output}", "--keep_replaced_hours=0") == 0
    shards = sorted(output.glob("*.tfrecord"))
    shards[0].unlink()
    capsys.readouterr()
    assert build(*corpus.flags, "--dry_run", f"--output={output}") == 0
    assert f"of which {len(shards) - 1} are there already" in capsys.readouterr().out


def test_a_dry_run_estimates_the_bytes_of_the_build(corpus, data_set, build, capsys):
    assert build(*corpus.flags, "--dry_run", "--image_size=200", "--output=x") == 0
    said = capsys.readouterr().out
    assert f"about {30 * 200 * 200 * 3 / 1e6:.1f} MB to write" in said


def test_the_settings_of_the_study_are_one_command(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2, videos=2, per_video=3, seconds=7.0)
    output = tmp_path / "set"
    for number, video in enumerate(sorted(corpus.faces.glob("*/*/*"))):
        for item in range(9):
            write_face(video / f"more{item}.jpg", 100 * number + item)
    documented = (Path(__file__).parents[3] / "docs" / "explanation" / "splits.md").read_text()
    command = documented.partition("## The study's recipe")[2].split("```")[1]
    recipe = shlex.split(command.partition("data/study")[2].replace("\\\n", " "))
    assert build(*corpus.flags, *recipe, f"--output={output}") == 0
    manifest = json.loads((output / "dataset.json").read_text())
    assert manifest["image_shape"] == [246, 246, 3]
    assert manifest["spectrogram_shape"] == [128, 128]
    starts = {start for *_, start in records(output)}
    assert starts == {0, 32512, 65024}  # steps of half of 65,024 samples
    counts = [manifest["splits"][split]["pairs"] for split in SPLITS]
    assert counts == [32, 4, 0]  # 6 clips a person, 3 windows each, a tenth for validation
    assert manifest["leakage"]["validation"]["same_video"] == 4
