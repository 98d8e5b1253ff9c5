"""Builds of corpora that grow, while other processes copy media into them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from beam_pipelines.corpus.unsettled import Unsettled, unsettled_files
from beam_pipelines.errors import BuildError
from beam_pipelines.shards.published import published_files
from tests.conftest import write_corpus
from tests.tools import files_of

NOTHING_NEW = "nothing is new: 5 shards were there already, and nothing was written"
LONG_AGO = 1_700_000_000

# Copies files one by one, as a slow network would: a half, a pause, and the other half.
COPY_SLOWLY = """
import sys, time
from pathlib import Path
source, target = map(Path, sys.argv[1:])
for path in sorted(source.rglob("*.*"), key=lambda path: path.name):
    if path.is_file():
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        with copy.open("wb", buffering=0) as file:
            for half in (content[: len(content) // 2], content[len(content) // 2 :]):
                file.write(half)
                time.sleep(0.2)
"""


def let_settle(corpus):
    for tree in (corpus.faces, corpus.audio):
        for path in tree.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def growing(corpus, tmp_path):
    """Copies the corpus; all media but two half-copied ones changed long ago."""
    shutil.copytree(corpus.faces.parent, tmp_path / "corpus")
    copy = type(corpus)(
        *(tmp_path / "corpus" / path.name for path in (corpus.faces, corpus.audio, corpus.meta))
    )
    let_settle(copy)
    return copy


@pytest.fixture
def half_copied(growing):
    """Path to whole content of two media that are half as long as they will be."""
    paths = [next(growing.faces.rglob("*.jpg")), next(growing.audio.rglob("*.wav"))]
    found = {path: path.read_bytes() for path in paths}
    for path, content in found.items():
        path.write_bytes(content[: len(content) // 2])
    return found


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_media_that_just_changed_are_left_for_the_next_build(
    growing, half_copied, data_set, build, tmp_path, capsys
):
    output = tmp_path / "set"
    flags = [*growing.flags, f"--output={output}", "--settle_seconds=600"]
    assert build(*flags, "--dry_run") == 0
    face, clip = half_copied
    left = (
        f"2 media files left for the next build, because they changed within --settle_seconds: "
        f"--audio {clip.relative_to(growing.audio)}, --faces {face.relative_to(growing.faces)}"
    )
    assert left in capsys.readouterr().out
    assert build(*flags) == 0
    assert left in capsys.readouterr().out
    assert (output / "rejects.jsonl").read_text() == ""
    assert json.loads((output / "dataset.json").read_text())["rejects"] == {}

    for path, content in half_copied.items():
        path.write_bytes(content)
    before = times(output)
    assert build(*flags) == 0  # they have not settled yet
    printed = capsys.readouterr().out
    assert "nothing is new: " in printed
    assert left in printed
    assert times(output) == before
    let_settle(growing)
    assert build(*flags, "--keep_replaced_hours=0") == 0
    assert "left for the next build" not in capsys.readouterr().out
    assert files_of(output) == files_of(data_set)


def test_a_corpus_of_new_media_only_is_an_error_that_says_so(corpus, build, tmp_path, capsys):
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}", "--settle_seconds=1e9") == 1
    error = capsys.readouterr().err
    assert "No pair could be made" in error
    assert "60 media files left for the next build" in error
    assert error.rstrip().endswith(", ...).")


def test_a_build_that_finds_nothing_new_writes_nothing(data_set, corpus, build, tmp_path, capsys):
    output = shutil.copytree(data_set, tmp_path / "set")
    flags = [*corpus.flags, f"--output={output}"]
    before = times(output)
    assert build(*flags) == 0
    assert NOTHING_NEW in capsys.readouterr().out
    assert times(output) == before

    shard = min(output.glob("*.tfrecord"))
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + b"x")
    assert build(*flags) == 0
    assert "4 of them were there already" in capsys.readouterr().out
    assert shard.read_bytes() == content
    assert build(*flags, "--max_reject_fraction=0.25") == 0  # it could end in an error
    assert "5 of them were there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "dataset.json",
        pytest.param("card.html", marks=pytest.mark.slow),
        pytest.param("rejects.jsonl", marks=pytest.mark.slow),
    ],
)
def test_a_changed_file_of_a_dataset_is_written_again(
    data_set, corpus, build, tmp_path, capsys, name
):
    output = shutil.copytree(data_set, tmp_path / "set")
    content = (output / name).read_bytes()
    if name == "dataset.json":
        (output / name).write_bytes(content.replace(b"Nowhere", b"Nowhen."))
    else:
        (output / name).unlink()
    assert build(*corpus.flags, f"--output={output}") == 0
    assert "nothing is new" not in capsys.readouterr().out
    assert (output / name).read_bytes() == content


def test_replaced_shards_are_removed_though_nothing_is_new(
    data_set, corpus, build, tmp_path, capsys
):
    output = shutil.copytree(data_set, tmp_path / "set")
    flags = [*corpus.flags, f"--output={output}", "--seed=1"]
    assert build(*flags) == 0
    assert set(files_of(data_set)) - set(files_of(output)) == set()
    capsys.readouterr()
    assert build(*flags, "--keep_replaced_hours=0") == 0
    printed = capsys.readouterr().out
    assert "nothing is new" in printed
    assert "of earlier builds are removed" in printed
    manifest = json.loads((output / "dataset.json").read_text())
    named = {shard["file"] for split in manifest["splits"].values() for shard in split["shards"]}
    assert {path.name for path in output.glob("*.tfrecord")} == named


@pytest.mark.parametrize("change", [".build/published.json", "dataset.json"])
def test_shards_are_not_removed_by_the_record_of_another_dataset(data_set, tmp_path, change):
    output = shutil.copytree(data_set, tmp_path / "set")
    assert {path.name for path in output.glob("*.tfrecord")} <= published_files(output)
    (output / change).write_bytes(b"{}")
    with pytest.raises(BuildError, match="Another build has changed"):
        published_files(output)


def test_the_first_unsettled_files_are_named_in_any_order_of_people():
    one, other = unsettled_files(["b", "d"]), unsettled_files(["a", "c", "e", "f"])
    assert one + other == other + one == Unsettled(6, ("a", "b", "c", "d", "e"))


@pytest.mark.slow
def test_builds_during_copying_take_no_half_copied_file(build, tmp_path, capsys):
    source = write_corpus(tmp_path / "source", people=3, videos=4, per_video=2)
    once, growing = tmp_path / "once", tmp_path / "growing"
    assert build(*source.flags, f"--output={once}") == 0
    for tree in ("faces", "wav"):
        (growing / tree).mkdir(parents=True)
        for person in (source.faces.parent / tree).iterdir():
            (growing / tree / person.name).mkdir()
    shutil.copy(source.meta, growing)
    corpus = type(source)(growing / "faces", growing / "wav", growing / source.meta.name)
    output = tmp_path / "set"
    flags = [*corpus.flags, f"--output={output}", "--settle_seconds=4"]
    published = left = 0
    with subprocess.Popen(
        [sys.executable, "-c", COPY_SLOWLY, source.faces.parent, growing]
    ) as copy:
        while copy.poll() is None:
            capsys.readouterr()
            if build(*flags) == 0:
                published += 1
                assert (output / "rejects.jsonl").read_text() == ""
            else:
                assert "No pair could be made" in capsys.readouterr().err
            left += "left for the next build" in capsys.readouterr().out
    assert copy.returncode == 0
    assert published > 1
    assert left > 1
    time.sleep(4)
    assert build(*flags, "--keep_replaced_hours=0") == 0
    assert "left for the next build" not in capsys.readouterr().out
    assert files_of(output) == files_of(once)
    before = times(output)
    assert build(*flags) == 0
    assert "nothing is new" in capsys.readouterr().out
    assert times(output) == before
