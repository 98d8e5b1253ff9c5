"""Tests of the build command on small corpora."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from beam_pipelines.manifest_builder import unique_rejects
from beam_pipelines.planning.plan_summary import PlanSummary
from beam_pipelines.runners.execution import local_flags
from facevoice.features import FeatureSettings, read_face, read_window, spectrogram
from tests.conftest import SMALL, write_clip, write_corpus, write_face
from tests.tools import files_of, read_records
from tfdata import load_manifest
from tfdata.rejects import Reject


def test_records_are_the_features_of_the_media_that_they_name(corpus, data_set):
    manifest = json.loads((data_set / "dataset.json").read_text())
    layout = manifest["record"]["features"]
    settings = FeatureSettings(**manifest["features"])
    count = 0
    for split in manifest["splits"]:
        for record in read_records(data_set, split):
            count += 1
            image = np.frombuffer(record["image"], np.uint8).reshape(layout["image"]["shape"])
            levels = np.frombuffer(record["spectrogram"], np.uint8)
            face, clip = record["face_source"].decode(), record["audio_source"].decode()
            window = read_window(corpus.audio / clip, record["window_start_samples"], settings)
            np.testing.assert_array_equal(image, read_face(corpus.faces / face, settings))
            np.testing.assert_array_equal(
                levels.reshape(layout["spectrogram"]["shape"]), spectrogram(window, settings)
            )
    assert count == 30


def test_pairs_are_of_one_person_and_one_video_and_no_medium_is_used_twice(data_set):
    ids = {p: person.meta["id"] for p, person in load_manifest(data_set).people.items()}
    keys, faces = set(), set()
    for split in ("train", "validation", "test"):
        for record in read_records(data_set, split):
            name, _, face_video, _ = record["face_source"].decode().split("/")
            code, video, _ = record["audio_source"].decode().split("/")
            assert record["identity"].decode() == name
            assert ids[name] == code
            assert record["session"].decode() == video == face_video
            keys.add(record["key"])
            faces.add(record["face_source"])
    assert len(keys) == len(faces) == 30


def test_the_splits_share_no_video_and_everyone_is_in_each(data_set):
    sessions = {
        split: {
            (record["identity"], Path(record[source].decode()).parent.name)
            for record in read_records(data_set, split)
            for source in ("face_source", "audio_source")
        }
        for split in ("train", "validation", "test")
    }
    assert not sessions["train"] & sessions["validation"]
    assert not sessions["train"] & sessions["test"]
    assert not sessions["validation"] & sessions["test"]
    assert {len({who for who, _ in found}) for found in sessions.values()} == {3}
    stated = load_manifest(data_set).splits
    for split, found in sessions.items():
        named = {(who.encode(), v) for who, vs in stated[split].sessions.items() for v in vs}
        assert named == found


@pytest.mark.parametrize(
    ("workers", "hash_seed", "others"),
    [
        # A proxy that does not answer: workers and build have to talk past it.
        (2, "1", {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}),
        pytest.param(1, "4294967295", {}, marks=pytest.mark.slow),
    ],
)
def test_worker_processes_write_the_same_bytes_from_a_copied_corpus_whatever_the_environment(
    corpus, data_set, tmp_path, workers, hash_seed, others
):
    copy = tmp_path / "elsewhere"
    shutil.copytree(corpus.meta.parent, copy)
    arguments = [
        *(f"--{k}={copy / v}" for k, v in (("faces", "faces"), ("audio", "wav"))),
        f"--meta={copy / 'vox1_meta.csv'}",
        f"--output={tmp_path / 'set'}",
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={workers}",
    ]
    environment = {"PYTHONHASHSEED": hash_seed, "TZ": "Asia/Kolkata", "LC_ALL": "C", **others}
    done = subprocess.run(
        [sys.executable, "-m", "beam_pipelines.build", *SMALL, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert files_of(tmp_path / "set") == files_of(data_set)
    assert "30 pairs" in done.stdout
    assert str(tmp_path / "set") in done.stdout
    assert "INFO" not in done.stderr


def test_the_order_of_a_listing_changes_no_byte(corpus, data_set, build, tmp_path, monkeypatch):
    usual, draw = os.scandir, random.Random(7)
    orders = []

    class Shuffled:
        """An iterator and a context manager, as what os.scandir returns."""

        def __init__(self, path):
            with usual(path) as entries:
                found = list(entries)
            self.found = draw.sample(found, len(found))
            orders.append([entry.name for entry in self.found])

        def __iter__(self):
            return self

        def __next__(self):
            if not self.found:
                raise StopIteration
            return self.found.pop()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("os.scandir", Shuffled)
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    monkeypatch.undo()
    assert any(order != sorted(order) for order in orders)
    assert any(str(name).endswith(".wav") for order in orders for name in order)
    assert files_of(tmp_path / "set") == files_of(data_set)


def test_media_that_cannot_be_used_are_listed_and_the_build_continues(build, tmp_path):
    corpus = write_corpus(tmp_path)
    faces = sorted(corpus.faces.rglob("*.jpg"))
    clips = sorted(corpus.audio.rglob("*.wav"))
    faces[0].write_bytes(b"<html>not found</html>")
    clips[-1].write_bytes(b"")
    write_clip(clips[-2], 0, seconds=0.01)
    (faces[1].parent / "Thumbs.db").write_bytes(b"not an image, and not named like one")
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    rejects = [json.loads(line) for line in (output / "rejects.jsonl").open()]
    assert {(r["path"], r["reason"]) for r in rejects} == {
        (faces[0].relative_to(corpus.faces).as_posix(), "unreadable"),
        (clips[-1].relative_to(corpus.audio).as_posix(), "unreadable"),
        (clips[-2].relative_to(corpus.audio).as_posix(), "too_short"),
    }
    manifest = load_manifest(output)
    assert manifest.rejects == {"too_short": 1, "unreadable": 2}
    assert sum(split.pairs for split in manifest.splits.values()) == 27


def test_a_second_build_keeps_finished_shards_and_changes_no_byte(corpus, build, tmp_path):
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    before = files_of(output)
    times = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    assert build(*corpus.flags, f"--output={output}") == 0
    assert files_of(output) == before
    assert {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")} == times


def test_a_new_face_rewrites_only_the_shards_that_it_belongs_to(build, tmp_path):
    corpus = write_corpus(tmp_path, people=2, videos=8)
    output, flags = tmp_path / "set", ["--num_shards=16"]
    assert build(*corpus.flags, *flags, f"--output={output}") == 0
    before = set(files_of(output))
    person = corpus.faces / "Person_0" / "1.6" / "-video00"
    write_face(person / "0000100.jpg", 999)
    write_clip(corpus.audio / "id10000" / "-video00" / "00100.wav", 999)
    assert build(*corpus.flags, *flags, f"--output={output}") == 0
    changed = set(files_of(output)) - before
    assert 1 <= len(changed) <= 2


def test_new_settings_replace_the_dataset_and_leave_no_old_file(corpus, build, tmp_path):
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    assert (
        build(*corpus.flags, f"--output={output}", "--image_size=20", "--keep_replaced_hours=0")
        == 0
    )
    manifest = load_manifest(output)
    assert manifest.image_shape == (20, 20, 3)
    named = {shard.file for split in manifest.splits.values() for shard in split.shards}
    assert {p.name for p in output.iterdir()} == named | {
        "card.html",
        "dataset.json",
        "rejects.jsonl",
        ".build",
    }
    assert not list(output.rglob("*.tmp"))
    assert not list(output.rglob("*.log"))


def test_a_failed_build_leaves_the_old_dataset_unchanged(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=2)
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    before = files_of(output)
    for face in corpus.faces.rglob("*.jpg"):
        face.write_bytes(b"broken")
    assert build(*corpus.flags, f"--output={output}") == 1
    assert "No pair could be made" in capsys.readouterr().err
    assert {name: data for name, data in files_of(output).items() if name in before} == before
    load_manifest(output)


def test_an_excluded_person_leaves_no_trace(corpus, build, tmp_path):
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    assert (
        build(*corpus.flags, f"--output={output}", "--exclude=Person_1", "--keep_replaced_hours=0")
        == 0
    )
    assert set(load_manifest(output).people) == {"Person_0", "Person_2"}
    for path in output.rglob("*"):
        if path.is_file():
            assert b"Person_1" not in path.read_bytes(), path
            assert b"id10001" not in path.read_bytes(), path


def test_a_smaller_selection_of_people_is_part_of_a_larger_one(corpus, build, tmp_path):
    for count in (1, 2):
        assert build(*corpus.flags, f"--persons={count}", f"--output={tmp_path / str(count)}") == 0
    one, two = (set(load_manifest(tmp_path / str(count)).people) for count in (1, 2))
    assert len(one) == 1
    assert len(two) == 2
    assert one < two


def test_plain_directories_need_no_meta_file(build, tmp_path, capsys):
    for person in ("ann", "bob"):
        for i in range(5):
            write_face(tmp_path / "faces" / person / f"{i}.png", i)
            write_clip(tmp_path / "audio" / person / f"{i}.wav", i)
    write_face(tmp_path / "faces" / "no_voice" / "1.png", 1)
    flags = [f"--faces={tmp_path / 'faces'}", f"--audio={tmp_path / 'audio'}"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 0
    manifest = load_manifest(tmp_path / "set")
    assert list(manifest.people) == ["ann", "bob"]
    assert {split: s.pairs for split, s in manifest.splits.items()} == {
        "train": 6,
        "validation": 2,
        "test": 2,
    }
    assert "10 pairs" in capsys.readouterr().out


def test_the_random_split_of_the_study_may_divide_a_video(build, tmp_path):
    corpus = write_corpus(tmp_path, people=1, videos=1, per_video=10)
    output = tmp_path / "set"
    assert build(*corpus.flags, "--split_by=pair", f"--output={output}") == 0
    manifest = load_manifest(output)
    assert [manifest.splits[s].pairs for s in ("train", "validation", "test")] == [8, 1, 1]


def test_several_windows_are_cut_from_a_long_clip_without_overlap(build, tmp_path):
    corpus = write_corpus(tmp_path, people=1, videos=3, per_video=1, seconds=1.7)
    for video in corpus.faces.rglob("-video*"):
        write_face(video / "0000777.jpg", 7)
        write_face(video / "0000888.jpg", 8)
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    starts = {
        (record["audio_source"], record["window_start_samples"])
        for split in ("train", "validation", "test")
        for record in read_records(tmp_path / "set", split)
    }
    assert {start for _, start in starts} <= {0, 8000, 16000}
    assert max(start for _, start in starts) == 16000


def _swap(text, *pairs):
    for old, new in pairs:
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    "variant",
    [
        lambda text: _swap(text, ("\t", ",")),
        lambda text: _swap(text, ("\n", "\r\n")),
        lambda text: _swap(text, ("VoxCeleb1 ID", "VoxCeleb1_ID"), ("VGGFace1 ID", "VGGFace1_ID")),
        lambda text: _swap(text, ("Person_2", "Person_2.")),
    ],
    ids=["commas", "crlf", "underscores", "stripped dot"],
)
def test_variants_of_the_meta_file_are_read(corpus, build, tmp_path, variant):
    meta = tmp_path / "meta.csv"
    meta.write_bytes(variant(corpus.meta.read_text()).encode())
    flags = [f"--faces={corpus.faces}", f"--audio={corpus.audio}", f"--meta={meta}"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 0
    assert len(load_manifest(tmp_path / "set").people) == 3


@pytest.mark.parametrize(
    ("cores", "given", "mode", "workers"),
    [
        (4, [], "multi_processing", 4),
        (1, [], "in_memory", 1),
        (4, ["--direct_num_workers", "2"], "multi_processing", 2),
        (4, ["--direct_running_mode", "in_memory"], "in_memory", 1),
        (4, ["--direct_running_mode=multi_processing"], "multi_processing", 4),
    ],
)
def test_local_builds_use_all_cores_by_default(monkeypatch, cores, given, mode, workers):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    options = PipelineOptions(local_flags(given)).view_as(DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == (mode, workers)


def test_the_list_of_rejects_does_not_depend_on_the_order_of_shards():
    found = tuple(
        Reject("clip", path, reason, detail)
        for path in ("b.wav", "a.wav")
        for reason, detail in (("too_short", "at 3"), ("silent", "x"), ("too_short", "at 1"))
    )
    kept = unique_rejects(PlanSummary(rejects=found), [])
    assert kept == unique_rejects(PlanSummary(rejects=found[::-1]), [])
    assert [(reject.path, reject.reason) for reject in kept] == [
        ("a.wav", "silent"),
        ("b.wav", "silent"),
    ]
