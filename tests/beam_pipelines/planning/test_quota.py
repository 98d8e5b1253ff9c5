"""Tests of builds with broken media: spares, missing pairs, rejects."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest
from PIL import Image

from beam_pipelines import options
from beam_pipelines.corpus.people import find_people
from beam_pipelines.pipeline import add_build
from beam_pipelines.runners.execution import create_pipeline
from beam_pipelines.shards.fingerprints import Job, software, worker_code
from beam_pipelines.shards.output_dir import prepare
from tests.conftest import ONE_PROCESS, SMALL, write_clip, write_corpus, write_face
from tests.tools import files_of, read_records
from tfdata import load_manifest

SPLITS = ("train", "validation", "test")


def sources(output):
    """Split, face and clip of each record."""
    return {
        (split, record["face_source"].decode(), record["audio_source"].decode())
        for split in SPLITS
        for record in read_records(output, split)
    }


def break_medium(path):
    """Damage that no header shows."""
    data = path.read_bytes()
    if path.suffix == ".wav":
        path.write_bytes(data[:44] + b"\0" * (len(data) - 44))  # silence
    else:
        path.write_bytes(data[: len(data) // 3])


@pytest.fixture
def rich(tmp_path):
    """Two people with four times as many media as the pairs that are asked for."""
    return write_corpus(tmp_path, people=2, videos=5, per_video=8)


QUOTA = "--pairs_per_person=10"


def test_spares_replace_broken_media(rich, build, tmp_path, capsys):
    assert build(*rich.flags, QUOTA, f"--output={tmp_path / 'whole'}") == 0
    whole = sources(tmp_path / "whole")
    broken = sorted(whole)[::3]
    for number, (_, face, clip) in enumerate(broken):
        break_medium(rich.faces / face if number % 2 else rich.audio / clip)
    capsys.readouterr()
    assert build(*rich.flags, QUOTA, "--strict", f"--output={tmp_path / 'set'}") == 0
    found = sources(tmp_path / "set")
    assert len(found) == len(whole) == 20
    for split in SPLITS:
        counts = [len({one for one in some if one[0] == split}) for some in (whole, found)]
        assert counts[0] == counts[1]
    gone = {medium for i, (_, *media) in enumerate(broken) for medium in [media[1 - i % 2]]}
    used = {medium for _, *media in found for medium in media}
    assert not gone & used
    assert gone == {
        json.loads(line)["path"] for line in (tmp_path / "set" / "rejects.jsonl").open()
    }
    assert len({face for _, face, _ in found}) == len({clip for _, _, clip in found}) == 20
    assert found & whole == {one for one in whole if not gone & {*one}}
    manifest = load_manifest(tmp_path / "set")
    assert {person.missing for person in manifest.people.values()} == {0}
    videos = {split: {(f.split("/")[2]) for s, f, _ in found if s == split} for split in SPLITS}
    assert not videos["train"] & (videos["validation"] | videos["test"])
    assert "missing" not in capsys.readouterr().out


def test_missing_pairs_are_reported_by_person_and_refused_if_strict(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2)
    output = tmp_path / "set"
    assert build(*corpus.flags, "--strict", f"--output={output}") == 0
    before = files_of(output)
    clips = sorted((corpus.audio / "id10001").rglob("*.wav"))
    break_medium(clips[0])
    clips[1].write_bytes(b"")
    capsys.readouterr()
    assert build(*corpus.flags, "--strict", f"--output={output}") == 1
    error = capsys.readouterr().err
    assert "2 pairs are missing" in error
    assert "Person_1 2" in error
    assert "--strict" in error
    assert before.items() <= files_of(output).items()
    listed = [json.loads(line)["path"] for line in (output / ".build/rejects.jsonl").open()]
    assert listed == [clip.relative_to(corpus.audio).as_posix() for clip in clips[:2]]
    assert build(*corpus.flags, f"--output={output}") == 0
    assert "2 pairs are missing" in capsys.readouterr().out
    people = load_manifest(output).people
    assert {who: person.missing for who, person in people.items()} == {"Person_0": 0, "Person_1": 2}
    assert not (output / ".build/rejects.jsonl").exists()


def test_too_many_rejects_fail_the_build_and_keep_the_old_dataset(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2)
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    before = files_of(output)
    for face in sorted(corpus.faces.rglob("*.jpg"))[:8]:
        break_medium(face)
    capsys.readouterr()
    assert build(*corpus.flags, "--max_reject_fraction=0.39", f"--output={output}") == 1
    error = capsys.readouterr().err
    assert "8 of 20 images examined are rejected (40.0%)" in error
    assert "--max_reject_fraction allows 39.0%" in error
    assert before.items() <= files_of(output).items()
    assert build(*corpus.flags, "--max_reject_fraction=0.4", f"--output={output}") == 0
    assert "8 media files rejected (8 unreadable)" in capsys.readouterr().out


def test_a_repaired_file_is_used_again(rich, build, tmp_path):
    output = tmp_path / "set"
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    before = files_of(output)
    face = rich.faces / min(sources(output))[1]
    data = face.read_bytes()
    break_medium(face)
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    assert files_of(output) != before
    face.write_bytes(data)
    assert build(*rich.flags, QUOTA, f"--output={output}", "--keep_replaced_hours=0") == 0
    assert files_of(output) == before


def test_a_removed_spare_is_not_used_again(rich, build, tmp_path):
    output = tmp_path / "set"
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    whole = sources(output)
    break_medium(rich.faces / min(whole)[1])
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    ((_, spare, _),) = sources(output) - whole
    (rich.faces / spare).unlink()
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    assert spare not in {face for _, face, _ in sources(output)}
    assert len(sources(output)) == 20


def test_a_rebuild_prints_how_many_shards_it_kept(rich, build, tmp_path, capsys):
    output = tmp_path / "set"
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    shards = sum(len(split.shards) for split in load_manifest(output).splits.values())
    assert "kept" not in capsys.readouterr().out
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    assert f"nothing is new: {shards} shards were there already" in capsys.readouterr().out
    sorted(output.glob("*.tfrecord"))[0].unlink()
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    assert f"{shards - 1} of them were there already" in capsys.readouterr().out


def test_a_file_that_can_be_read_again_is_used_again(rich, build, tmp_path, monkeypatch):
    output = tmp_path / "set"
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    before = files_of(output)
    face = rich.faces / min(sources(output))[1]
    face.rename(face.with_suffix(".away"))
    face.symlink_to(face)  # a circle, which stands for a file without permission: root has all
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    assert files_of(output) != before
    face.unlink()
    face.with_suffix(".away").rename(face)
    assert build(*rich.flags, QUOTA, f"--output={output}", "--keep_replaced_hours=0") == 0
    assert files_of(output) == before


def test_media_that_could_not_be_read_are_tried_again_by_the_next_build(
    rich, build, tmp_path, monkeypatch
):
    output = tmp_path / "set"
    assert build(*rich.flags, QUOTA, f"--output={tmp_path / 'expected'}") == 0
    face = rich.faces / min(sources(tmp_path / "expected"))[1]
    usual = os.open, Image.open

    def opened(way):
        def refuse(path, *others, **settings):
            if str(path) == str(face):
                raise PermissionError(13, "Permission denied")
            return way(path, *others, **settings)

        return refuse

    monkeypatch.setattr(os, "open", opened(usual[0]))
    monkeypatch.setattr(Image, "open", opened(usual[1]))
    assert build(*rich.flags, QUOTA, f"--output={output}") == 0
    assert files_of(output) != files_of(tmp_path / "expected")
    monkeypatch.undo()
    assert build(*rich.flags, QUOTA, f"--output={output}", "--keep_replaced_hours=0") == 0
    assert files_of(output) == files_of(tmp_path / "expected")


def test_pairs_of_a_person_whose_media_cannot_be_listed_are_missing(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2, videos=2)
    for video in (corpus.faces / "Person_1" / "1.6").iterdir():
        for face in video.iterdir():
            face.unlink()
            face.symlink_to(face)  # a circle
    output = tmp_path / "set"
    assert build(*corpus.flags, "--strict", f"--output={output}") == 1
    assert "4 pairs are missing" in capsys.readouterr().err
    flags = ["--max_reject_fraction=0.4", f"--output={output}"]
    assert build(*corpus.flags, *flags) == 1
    assert "4 of 8 images examined are rejected (50.0%)" in capsys.readouterr().err
    assert build(*corpus.flags, f"--output={output}") == 0
    assert "Person_1 4" in (said := capsys.readouterr().out)
    assert "1 person (Person_1) without pairs, because media are broken" in said
    manifest = load_manifest(output)
    assert manifest.without_pairs == {"Person_1": 4}
    assert manifest.corpus.faces == 4
    assert "Person 1" in (output / "card.html").read_text()


def test_adding_or_removing_an_unused_file_rewrites_no_shard(rich, build, tmp_path):
    output = tmp_path / "set"
    flags = [*rich.flags, "--pairs_per_person=3", f"--output={output}"]
    assert build(*flags) == 0
    before = files_of(output)
    times = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
    used = {medium for _, *media in sources(output) for medium in media}
    faces = {path.relative_to(rich.faces).as_posix() for path in rich.faces.rglob("*.jpg")}
    unused = rich.faces / min(faces - used)
    unused.unlink()
    assert build(*flags) == 0
    assert {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")} == times
    write_face(unused, 5)
    assert build(*flags) == 0
    assert {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")} == times
    assert files_of(output).keys() == before.keys()


def test_rejects_and_pairs_are_beam_counters(rich, tmp_path):
    break_medium(next((rich.faces / "Person_0").rglob("*.jpg")))
    next((rich.audio / "id10001").rglob("*.wav")).write_bytes(b"")
    arguments = options.parse([*SMALL, *rich.flags, f"--output={tmp_path / 'set'}"])
    job = Job(
        faces_root=rich.faces,
        audio_root=rich.audio,
        output=arguments.output,
        features=arguments.features,
        num_shards=2,
        run_id="run",
        code=worker_code(),
        software=software(),
    )
    pipeline = create_pipeline("DirectRunner", ONE_PROCESS)
    add_build(pipeline, find_people(rich.faces, rich.audio, rich.meta).people, job, arguments.plan)
    with prepare(job.output):
        result = pipeline.run()
    counters = Counter()
    for counter in result.metrics().query()["counters"]:  # one for each step that counts
        if counter.key.metric.namespace == "facevoice":
            counters[counter.key.metric.name] += counter.committed
    assert counters == {"pairs": 78, "rejected_unreadable": 2}


def test_a_person_who_gets_new_media_is_built_with_them(rich, build, tmp_path):
    output = tmp_path / "set"
    assert build(*rich.flags, f"--output={output}") == 0
    write_face(rich.faces / "Person_0" / "1.6" / "new" / "1.jpg", 77)
    write_clip(rich.audio / "id10000" / "new" / "1.wav", 77)
    assert build(*rich.flags, f"--output={output}") == 0
    assert sum(split.pairs for split in load_manifest(output).splits.values()) == 81
