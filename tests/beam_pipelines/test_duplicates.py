"""Tests of files with equal content, against digests by hashlib of the files that records name."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict

import pytest

from beam_pipelines.shards import shard_results
from facevoice.commands import inspect
from tests.conftest import write_clip, write_corpus, write_face
from tests.html_pages import Page
from tests.tools import files_of, read_records
from tfdata import load_manifest

SPLITS = ("train", "validation", "test")


def uses_of(corpus, output):
    """Each use of a file by a record: (pair, split, person, path) by the content of the file."""
    uses = defaultdict(list)
    for split in SPLITS:
        for record in read_records(output, split):
            for root, source in ((corpus.faces, "face_source"), (corpus.audio, "audio_source")):
                path = root / record[source].decode()
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                uses[digest].append((record["key"], split, record["identity"], path))
    return uses


def expected_counts(uses):
    """Counts by plain loops: the fields of `duplicates`, and leaking pairs of each split."""
    counts = {"across_people": 0, "across_splits": 0, "within_split": 0, "dropped": 0}
    leaking = {split: set() for split in SPLITS[1:]}
    for equal in uses.values():
        paths, people = {use[3] for use in equal}, {use[2] for use in equal}
        if len(paths) < 2:
            continue
        kind = "within_split"
        if len(people) > 1:
            kind = "across_people"
        elif len({use[1] for use in equal}) > 1:
            kind = "across_splits"
        counts[kind] += len(paths) - 1
        for key, split, _, path in equal:
            if split != "train" and any(u[1] == "train" and u[3] != path for u in equal):
                leaking[split].add(key)
    return counts, {split: len(keys) for split, keys in leaking.items()}


def counts_in(output):
    manifest = json.loads((output / "dataset.json").read_text())
    found = manifest.get("duplicates", dict.fromkeys(expected_counts({})[0], 0))
    return found, {s: leak.get("same_content", 0) for s, leak in manifest["leakage"].items()}


def copy_video(corpus, person, video, name):
    """Copies the faces and clips of a video to another folder of any person."""
    for root, below, code in (
        (corpus.faces, "1.6", f"Person_{person}"),
        (corpus.audio, "", f"id{10000 + person}"),
    ):
        source = next(root.glob(f"*/{below}/{video}" if below else f"*/{video}"))
        shutil.copytree(source, root / code / below / name)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A corpus with copies of every kind; not to be changed by a test."""
    corpus = write_corpus(tmp_path_factory.mktemp("copies"), people=3, videos=5)
    for i in range(5):
        copy_video(corpus, 0, f"-video0{i}", f"copy_of_{i}")
    copy_video(corpus, 2, "-video11", "z_of_another_person")
    video = corpus.faces / "Person_1" / "1.6" / "-video12"
    shutil.copy(video / "0000000.jpg", video / "0000001.jpg")
    video = corpus.audio / "id10001" / "-video12"
    (video / "00000.flac").hardlink_to(video / "00000.wav")
    return corpus


@pytest.fixture(scope="module")
def reported(copies, build, tmp_path_factory):
    output = tmp_path_factory.mktemp("reported") / "set"
    assert build(*copies.flags, f"--output={output}") == 0
    return output


@pytest.mark.parametrize(
    "flags",
    [[], ["--split_by=pair", "--window_seconds=0.25", "--split_fractions=50,20,30"]],
    ids=["session", "pair"],
)
def test_the_reported_duplicates_are_those_of_hashed_files(copies, build, tmp_path, capsys, flags):
    output = tmp_path / "set"
    assert build(*copies.flags, *flags, f"--output={output}") == 0
    counts, leaking = expected_counts(uses_of(copies, output))
    assert counts_in(output) == (counts, leaking)
    assert counts["across_people"] == 4
    assert counts["across_splits"]
    assert counts["within_split"]
    assert any(leaking.values())
    printed = capsys.readouterr().out
    assert "4 files have the content of another file of another person, so a label" in printed
    files = "files have" if counts["across_splits"] > 1 else "file has"
    assert f"{counts['across_splits']} {files} the content of another file in" in printed
    assert "have a copy of an image or clip of training" in printed


def test_an_example_names_two_equal_files_of_two_people(copies, reported, build, capsys):
    capsys.readouterr()
    assert build(*copies.flags, f"--output={reported}") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "another person" in line)
    examples = line.partition("wrong: ")[2].removesuffix(", ...").split("), ")
    assert len(examples) == 3
    for example in examples:
        files = [file.rpartition(" (")[::2] for file in example.split(" = ")]
        assert {who.split(",")[0] for _, who in files} == {"Person_1", "Person_2"}
        contents = [
            next(root / path for root in (copies.faces, copies.audio) if (root / path).exists())
            for path, _ in files
        ]
        assert contents[0].read_bytes() == contents[1].read_bytes()


def test_card_and_inspection_state_the_duplicates(copies, reported, capsys):
    counts, leaking = expected_counts(uses_of(copies, reported))
    page = Page((reported / "card.html").read_text())
    capsys.readouterr()
    assert inspect.main([str(reported)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for text in (page.text, printed):
        assert "4 files have the content of a file of another person" in text
        assert f"{counts['across_splits']} files have the content of a file in another" in text
    rows = {row[0].strip(): row[-1].split(" ")[0] for row in page.rows if len(row) == 5}
    assert {split: rows[split] for split in leaking} == {s: f"{n}" for s, n in leaking.items()}


def test_a_corpus_without_copies_has_no_duplicates(corpus, build, tmp_path, capsys):
    """Clips of several windows, and windows in several splits, are no copies of themselves."""
    output = tmp_path / "set"
    flags = ["--split_by=pair", "--window_seconds=0.25", "--pairing=identity"]
    assert build(*corpus.flags, *flags, f"--output={output}") == 0
    clips = [clip for clip in uses_of(corpus, output).values() if clip[0][3].suffix == ".wav"]
    assert any(len({use[1] for use in clip}) > 1 for clip in clips)
    manifest = json.loads((output / "dataset.json").read_text())
    assert "duplicates" not in manifest
    assert "content" not in capsys.readouterr().out


def test_refusing_names_an_example_and_keeps_the_old_dataset(corpus, build, tmp_path, capsys):
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}", "--duplicates=refuse") == 0
    before = files_of(output)
    mine = write_corpus(tmp_path / "corpus")
    for i in range(5):
        copy_video(mine, 0, f"-video0{i}", f"copy_of_{i}")
    capsys.readouterr()
    flags = [*mine.flags, f"--output={output}", "--keep_replaced_hours=0"]
    assert build(*flags, "--duplicates=refuse") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "have the content of another file in another split: " in error
    assert "(Person_0, train)" in error
    after = files_of(output)
    assert {name: after[name] for name in before} == before
    assert build(*flags) == 0  # finished shards are kept
    assert "there already" in capsys.readouterr().out


def test_copies_in_one_split_are_counted_and_not_refused(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=1, videos=1)
    video = corpus.faces / "Person_0" / "1.6" / "-video00"
    shutil.copy(video / "0000000.jpg", video / "0000025.jpg")
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}", "--duplicates=refuse") == 0
    assert load_manifest(tmp_path / "set").duplicates.within_split == 1
    assert "1 file has the content of another file of their person in one split: " in (
        capsys.readouterr().out
    )


def test_dropping_copies_gives_the_dataset_of_a_corpus_without_them(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus")
    clean = tmp_path / "clean"
    assert build(*corpus.flags, f"--output={clean}", "--duplicates=drop") == 0
    for i in range(5):
        copy_video(corpus, 0, f"-video0{i}", f"zz_copy_of_{i}")
    for tree, code in ((corpus.faces, "Person_3"), (corpus.audio, "id10003")):
        first = sorted(tree.iterdir())[0]
        shutil.copytree(first, tree / code)
    with corpus.meta.open("a") as meta:
        meta.write("id10003\tPerson_3\tf\tNowhere\ttest\n")
    capsys.readouterr()
    output, flags = tmp_path / "set", [*corpus.flags, "--duplicates=drop"]
    assert build(*flags, f"--output={output}", "--dry_run") == 0
    dry = capsys.readouterr().out
    assert build(*flags, f"--output={output}") == 0
    lines = [
        # 20 copies of Person_0's own, and 40 of theirs below Person_3
        "60 files dropped, because another file has the same content (40 of another person)",
        "1 person (Person_3) dropped, because all their media are copies",
    ]
    for text in (dry, capsys.readouterr().out):
        assert all(line in text for line in lines)
    shards = {name: data for name, data in files_of(output).items() if ".tfrecord" in name}
    assert shards == {n: data for n, data in files_of(clean).items() if ".tfrecord" in n}
    counts = {"across_people": 0, "across_splits": 0, "within_split": 0, "dropped": 60}
    assert counts_in(output)[0] == counts
    assert load_manifest(output).plan["duplicates"] == "drop"
    assert "duplicates" in load_manifest(clean).plan


@pytest.mark.parametrize("copy", ["a_first", "z_last"])
def test_dropping_keeps_the_first_path(build, tmp_path, copy):
    corpus = write_corpus(tmp_path, people=1, videos=3)
    copy_video(corpus, 0, "-video01", copy.replace("a_", "-a_"))
    output = tmp_path / "set"
    assert build(*corpus.flags, f"--output={output}", "--duplicates=drop") == 0
    videos = {use[3].parent.name for equal in uses_of(corpus, output).values() for use in equal}
    kept = "-a_first" if copy == "a_first" else "-video01"
    assert videos == {"-video00", "-video02", kept}
    assert counts_in(output)[0]["dropped"] == 4


def test_dropping_gives_the_same_dataset_with_worker_processes_and_in_a_second_build(
    copies, build, tmp_path
):
    flags = [*copies.flags, "--duplicates=drop"]
    assert build(*flags, f"--output={tmp_path / 'one'}") == 0
    processes = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    assert build(*flags, f"--output={tmp_path / 'two'}", *processes) == 0
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    shard = next((tmp_path / "two").glob("train-*.tfrecord"))
    shard.unlink()
    assert build(*flags, f"--output={tmp_path / 'two'}") == 0
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    counts = counts_in(tmp_path / "one")[0]
    assert {k: n for k, n in counts.items() if k != "dropped"} == dict.fromkeys(
        ("across_people", "across_splits", "within_split"), 0
    )


def test_results_without_digests_get_them_and_their_shards_are_kept(
    copies, reported, build, tmp_path, monkeypatch
):
    output = shutil.copytree(reported, tmp_path / "set")
    for path in (output / ".build").glob("*.json"):
        fields = json.loads(path.read_text())
        del fields["media"]
        path.write_text(json.dumps(fields))
    times = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
    monkeypatch.setattr(
        "beam_pipelines.shards.writer.read_face", lambda *_: pytest.fail("a face was decoded")
    )
    assert build(*copies.flags, f"--output={output}") == 0
    assert files_of(output) == files_of(reported)
    assert {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")} == times
    for path in (reported / ".build").glob("*.json"):
        assert (output / ".build" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda media: media["faces"].pop(),
        lambda media: media.update(digests=media["digests"][:-2]),
        lambda media: media.update(digests="x" * len(media["digests"])),
        lambda media: media.update(clips=[1] * len(media["clips"])),
        lambda media: media.pop("digests"),
        lambda media: media.clear(),
    ],
)
def test_damaged_media_make_a_result_invalid(reported, change):
    store = shard_results.store_at(reported)
    path = sorted((reported / ".build").glob("?" * 32 + ".json"))[0]
    assert shard_results.read_result(store, path.stem) is not None
    fields, text = json.loads(path.read_text()), path.read_text()
    change(next(iter(fields["media"].values())))
    try:
        path.write_text(json.dumps(fields))
        assert shard_results.read_result(store, path.stem) is None
    finally:
        path.write_text(text)


def test_replaced_media_are_those_that_are_compared(build, tmp_path):
    """A spare that took the place of a broken face is compared, and the broken face is not."""
    corpus = write_corpus(tmp_path, people=1, videos=4, per_video=1)
    video = corpus.faces / "Person_0" / "1.6" / "-video00"
    write_face(video / "0000000.jpg", 1)
    write_clip(corpus.audio / "id10000" / "extra" / "0.wav", 77)
    for face in sorted(corpus.faces.rglob("*.jpg"))[:2]:
        shutil.copy(face, face.with_name("9999999.jpg"))
    for face in sorted(corpus.faces.rglob("0000000.jpg")):
        face.write_bytes(b"broken")
    output = tmp_path / "set"
    flags = ["--max_reject_fraction=1", "--duplicates=report"]
    assert build(*corpus.flags, *flags, f"--output={output}") == 0
    counts, leaking = expected_counts(uses_of(corpus, output))
    assert counts_in(output) == (counts, leaking)
