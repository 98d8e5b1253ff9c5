"""Tests of builds with dying workers, full disks, irregular files and other files in the output."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from beam_pipelines.runners.local_workers import WorkerProcesses
from beam_pipelines.shards.fingerprints import software
from beam_pipelines.shards.output_dir import prepare
from facevoice.features import (
    FeatureSettings,
    MediaError,
    Reason,
    extract_face,
    read_window,
    spectrogram,
)
from tests.conftest import write_corpus
from tests.tools import files_of, kill_a_worker_of, read_records, start_build, wait_for, workers_of
from tfdata import load_manifest
from tfdata.interrupts import Terminated

# Many shards, and heavy spectrograms, so that a build is surely caught in the middle.
SLOW = ["--num_shards=16", "--frames=256", "--fft_size=8192"]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A corpus whose build takes a while with `SLOW`."""
    return write_corpus(tmp_path_factory.mktemp("many"), people=6, videos=6)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers through /proc")
def test_a_dying_worker_ends_the_build_with_one_line_and_the_next_build_resumes(
    many, build, tmp_path
):
    output = tmp_path / "set"
    with start_build(many, output, *SLOW, "--direct_num_workers=2") as stopped:
        wait_for(stopped, lambda: list(output.glob("*.tfrecord")))
        kill_a_worker_of(stopped.pid)
        error = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 1
    assert error.startswith("error: A worker process died")
    assert error.count("\n") == 1
    assert not (output / "dataset.json").exists()
    kept = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    assert build(*many.flags, *SLOW, f"--output={output}") == 0
    assert sum(split.pairs for split in load_manifest(output).splits.values()) == 72
    now = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    assert kept.keys() <= now.keys()
    # Each of the two workers may have been stopped between a shard and its note.
    assert sum(kept[name] != now[name] for name in kept) <= 2
    assert not list(output.rglob("*.tmp"))


def test_ctrl_c_on_the_process_group_is_reported_as_such(many, tmp_path):
    output = tmp_path / "set"
    with start_build(many, output, *SLOW, "--direct_num_workers=2") as build:
        wait_for(build, lambda: list(output.glob("*.tfrecord")))
        os.killpg(build.pid, signal.SIGINT)
        error = build.communicate(timeout=60)[1]
    assert build.returncode == 130
    assert error == "Stopped. Finished shards are kept; the same command resumes.\n"
    assert not (output / "dataset.json").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers through /proc")
@pytest.mark.parametrize(
    "program", [pytest.param(b"find_spec", marks=pytest.mark.slow), b"sdk_worker"]
)
def test_ctrl_c_before_workers_are_connected_ends_the_build(many, tmp_path, program):
    with start_build(many, tmp_path / "set", "--direct_num_workers=2") as build:
        workers = wait_for(build, lambda: workers_of(build.pid, program))
        os.killpg(build.pid, signal.SIGINT)
        error = build.communicate(timeout=60)[1]
    assert build.returncode == 130
    assert error == "Stopped. Finished shards are kept; the same command resumes.\n"
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers through /proc")
def test_sigterm_ends_a_build_and_its_workers(many, tmp_path):
    """As `docker stop` sends it: to the driver alone."""
    with start_build(many, tmp_path / "set", *SLOW, "--direct_num_workers=2") as build:
        workers = wait_for(build, lambda: workers_of(build.pid))
        os.kill(build.pid, signal.SIGTERM)
        error = build.communicate(timeout=60)[1]
    assert build.returncode == 143
    assert error == "Stopped. Finished shards are kept; the same command resumes.\n"
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_workers_end_with_their_run():
    processes = WorkerProcesses()
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with ThreadPoolExecutor(1) as other_thread:
        worker = other_thread.submit(processes.start, sleep).result()
        processes.end(0)
        assert worker.returncode == -signal.SIGKILL
        assert other_thread.submit(processes.start, sleep).result() is None


def test_a_file_that_is_unreadable_for_a_moment_is_read_once_more(
    corpus, data_set, build, tmp_path, monkeypatch
):
    failed = set()

    def failing_once(source, settings):
        if not failed:
            failed.add(source)
            raise MediaError(Reason.UNREADABLE, "Stale file handle")
        return extract_face(source, settings)

    monkeypatch.setattr("beam_pipelines.shards.decoding.extract_face", failing_once)
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 0
    assert failed
    assert files_of(tmp_path / "set") == files_of(data_set)


@pytest.mark.parametrize(
    ("stop", "code"), [(KeyboardInterrupt(), 130), (Terminated(signal.SIGTERM), 143)]
)
def test_a_signal_in_a_step_of_an_in_memory_build_stops_it(
    corpus, build, tmp_path, capsys, monkeypatch, stop, code
):
    def interrupted(*_):
        raise stop

    monkeypatch.setattr("beam_pipelines.shards.decoding.extract_face", interrupted)
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == code
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped. Finished shards are kept")


def test_a_second_build_into_a_locked_output_is_refused(corpus, build, capsys, tmp_path):
    with prepare(tmp_path / "set"):
        assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 1
    assert "Another build is writing" in capsys.readouterr().err


def test_other_files_are_neither_overwritten_nor_removed(corpus, build, capsys, tmp_path):
    theirs = tmp_path / "theirs"
    (theirs / ".build").mkdir(parents=True)
    (theirs / "dataset.json").write_text('{"name": "another program"}')
    (theirs / "precious.tfrecord").write_bytes(b"precious")
    assert build(*corpus.flags, f"--output={theirs}") == 1
    assert "other files" in capsys.readouterr().err
    assert (theirs / "precious.tfrecord").read_bytes() == b"precious"

    ours = tmp_path / "ours"
    assert build(*corpus.flags, f"--output={ours}") == 0
    (ours / "my.tfrecord").write_bytes(b"mine")
    (ours / ".build" / "debug").mkdir()
    assert build(*corpus.flags, f"--output={ours}") == 0
    assert (ours / "my.tfrecord").read_bytes() == b"mine"


def test_links_are_followed_and_irregular_files_are_rejected(build, tmp_path):
    corpus = write_corpus(tmp_path)
    video = corpus.faces / "Person_0" / "1.6" / "-video00"
    video.rename(tmp_path / "moved")
    video.symlink_to(tmp_path / "moved")
    (video.parent / "-video01" / "circle").symlink_to(video.parent)
    (corpus.faces / "Person_1" / "1.6" / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(corpus.audio / "id10000" / "pipe.wav")
    (corpus.audio / "id10000" / "phone.m4a").write_bytes(b"what no decoder here reads")
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    rejects = [json.loads(line) for line in (output / "rejects.jsonl").open()]
    assert {(r["path"], r["reason"]) for r in rejects} == {
        ("Person_1/1.6/dangling.jpg", "unreadable"),
        ("id10000/pipe.wav", "unreadable"),
        ("id10000/phone.m4a", "unreadable"),
    }
    assert sum(split.pairs for split in load_manifest(output).splits.values()) == 30


def test_file_names_with_any_bytes_and_any_unicode_form(build, tmp_path):
    corpus = write_corpus(tmp_path, people=2)
    (corpus.faces / "Person_0").rename(corpus.faces / unicodedata.normalize("NFD", "Zoë"))
    meta = corpus.meta.read_text().replace("Person_0", unicodedata.normalize("NFC", "Zoë"))
    corpus.meta.write_text(meta, encoding="utf-8")
    latin_1 = os.fsencode(corpus.faces / "Person_1" / "1.6") + b"/caf\xe9.jpg"
    shutil.copy(next(corpus.faces.rglob("*.jpg")), latin_1)
    video = os.fsencode(corpus.audio / "id10001") + b"/caf\xe9"
    Path(os.fsdecode(video)).mkdir()
    shutil.copy(next(corpus.audio.rglob("*.wav")), video + b"/1.wav")
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    assert set(load_manifest(output).people) == {"Zoë", "Person_1"}
    rejects = [json.loads(line) for line in (output / "rejects.jsonl").open()]
    assert {(r["path"], r["detail"]) for r in rejects} == {
        ("Person_1/1.6/caf\\xe9.jpg", "its path is not UTF-8"),
        ("id10001/caf\\xe9/1.wav", "its path is not UTF-8"),
    }
    decomposed = unicodedata.normalize("NFD", "Zoë")
    assert build(*corpus.flags, f"--output={output}", f"--exclude={decomposed}") == 0
    assert set(load_manifest(output).people) == {"Person_1"}


def test_repeated_lines_of_the_meta_file_count_once(corpus, build, tmp_path):
    meta = tmp_path / "meta.csv"
    lines = corpus.meta.read_text().splitlines()
    meta.write_text("\n".join([*lines, lines[-1]]))
    flags = [f"--faces={corpus.faces}", f"--audio={corpus.audio}", f"--meta={meta}"]
    assert build(*flags, f"--output={tmp_path / 'set'}") == 0
    assert sum(s.pairs for s in load_manifest(tmp_path / "set").splits.values()) == 30


def test_a_damaged_shard_is_written_again(corpus, data_set, build, tmp_path):
    output = shutil.copytree(data_set, tmp_path / "set")
    shard = next(output.glob("train-*"))
    damaged = bytearray(shard.read_bytes())
    damaged[100] ^= 1
    shard.write_bytes(damaged)
    assert build(*corpus.flags, f"--output={output}") == 0
    assert files_of(output) == files_of(data_set)


def test_a_new_release_with_the_same_preprocessing_keeps_all_shards(
    corpus, data_set, build, tmp_path, monkeypatch
):
    output = shutil.copytree(data_set, tmp_path / "set")
    before = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    newer = software() | {"facevoice": "99.0"}
    for module in ("shards.fingerprints", "driver", "manifest_builder"):
        monkeypatch.setattr(f"beam_pipelines.{module}.software", lambda *_: newer)
    monkeypatch.setattr("beam_pipelines.shards.fingerprints.worker_code", lambda: "edited")
    monkeypatch.setattr("beam_pipelines.driver.worker_code", lambda: "edited")
    assert build(*corpus.flags, f"--output={output}") == 0
    assert {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")} == before
    assert load_manifest(output).software["facevoice"] == "99.0"


def test_a_new_preprocessing_revision_makes_new_shards(
    corpus, data_set, build, tmp_path, monkeypatch
):
    output = shutil.copytree(data_set, tmp_path / "set")
    before = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    monkeypatch.setattr("facevoice.features.settings.PREPROCESSING_REVISION", 3)
    assert build(*corpus.flags, f"--output={output}") == 0
    after = {p.name: p.stat().st_mtime_ns for p in output.glob("*.tfrecord")}
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
    assert load_manifest(output).preprocessing_revision == 3
    assert load_manifest(data_set).preprocessing_revision == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("worker_code", "edited"), ("software", software() | {"soxr": "0.2"})],
)
def test_a_worker_with_other_code_or_packages_is_refused(
    corpus, build, tmp_path, capsys, monkeypatch, name, value
):
    monkeypatch.setattr(f"beam_pipelines.shards.fingerprints.{name}", lambda *_: value)
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: A worker has other ")
    assert not (tmp_path / "set" / "dataset.json").exists()


@pytest.mark.parametrize("step", range(3))
def test_a_disk_that_is_full_while_publishing_leaves_the_old_dataset_unchanged(
    corpus, data_set, build, tmp_path, capsys, monkeypatch, step
):
    output = shutil.copytree(data_set, tmp_path / "set")
    usual, name = open, ("rejects.jsonl", "card.html", "dataset.json")[step]

    def full_disk(path, mode="r", *others, **settings):
        if "x" in mode and Path(path).name.startswith(f"{name}."):
            raise OSError(errno.ENOSPC, "No space left on device")
        return usual(path, mode, *others, **settings)

    monkeypatch.setattr("builtins.open", full_disk)
    flags = [*corpus.flags, "--image_size=20", "--keep_replaced_hours=0", f"--output={output}"]
    assert build(*flags) == 1
    assert "No space left on device" in capsys.readouterr().err
    old = files_of(data_set)
    assert old.items() <= files_of(output).items()
    assert not list(output.glob("*.tmp"))
    monkeypatch.undo()
    assert build(*flags) == 0
    assert load_manifest(output).image_shape == (20, 20, 3)
    assert {path.name for path in output.glob("*.tfrecord")}.isdisjoint(old)


@pytest.mark.parametrize(
    "flags", [["--frequency_scale=mel", "--bands=12"], ["--trim_silence_db=30"]]
)
def test_settings_of_spectrograms_and_trimming_are_used_by_the_build(
    corpus, build, tmp_path, flags
):
    assert build(*corpus.flags, *flags, f"--output={tmp_path / 'set'}") == 0
    manifest = load_manifest(tmp_path / "set")
    assert sum(split.pairs for split in manifest.splits.values()) == 30
    settings = FeatureSettings(**manifest.features)
    record = next(read_records(tmp_path / "set", "test"))
    clip = corpus.audio / record["audio_source"].decode()
    window = read_window(clip, record["window_start_samples"], settings)
    assert spectrogram(window, settings).tobytes() == record["spectrogram"]


@pytest.mark.parametrize(
    "workers",
    [
        "--direct_num_workers=1",
        pytest.param("--direct_running_mode=in_memory", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_is_a_one_line_error(corpus, build, tmp_path, workers):
    def limit():  # as a full disk, but for the words: writing on fails with "File too large"
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    output = tmp_path / "set"
    large = "--image_size=128"  # 49 KB a pair
    with start_build(corpus, output, large, workers, preexec_fn=limit) as process:
        error = process.communicate(timeout=90)[1]
    assert process.returncode == 1
    assert error.count("\n") == 1
    assert error.startswith("error: The shard ")
    assert error.endswith(
        "File too large. Fix that and run the same command again; finished shards are kept.\n"
    )
    assert not (output / "dataset.json").exists()
    assert not list(output.rglob("*.tmp"))
    assert build(*corpus.flags, large, f"--output={output}") == 0
