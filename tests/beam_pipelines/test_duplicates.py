"""Tests of files with equal content, against digests by hashlib of the files that records name."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections import defaultdict
from contextlib import redirect_stdout
from itertools import permutations

import pytest

from beam_pipelines.corpus.content import FileOf, copies_among
from beam_pipelines.shards import shard_results
from facevoice.commands import inspect
from tests.conftest import write_clip, write_corpus, write_face
from tests.html_pages import Page
from tests.tools import files_of, read_records
from tfdata import load_manifest
from tfdata.manifest import Duplicates

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
    copy_video(corpus, 1, "-video13", "!before_the_original")
    copy_video(corpus, 2, "-video11", "z_of_another_person")
    video = corpus.faces / "Person_1" / "1.6" / "-video12"
    shutil.copy(video / "0000000.jpg", video / "0000001.jpg")
    video = corpus.audio / "id10001" / "-video12"
    (video / "00001.flac").hardlink_to(video / "00000.wav")
    # Several windows of one clip, and spares that replace a broken face.
    write_clip(corpus.audio / "id10002" / "-video24" / "00000.wav", 999, seconds=2.0)
    video = corpus.faces / "Person_2" / "1.6" / "-video24"
    (video / "0000000.jpg").write_bytes(b"broken")
    for i in range(8):
        write_face(video / f"100000{i}.jpg", 1000 + i // 2)
    return corpus


@pytest.fixture(scope="module")
def report(copies, build, tmp_path_factory):
    """The dataset of these copies, and what its build printed."""
    output = tmp_path_factory.mktemp("reported") / "set"
    with redirect_stdout(io.StringIO()) as printed:
        assert build(*copies.flags, f"--output={output}") == 0
    return output, printed.getvalue()


def check_report(copies, output, printed):
    counts, leaking = expected_counts(uses_of(copies, output))
    assert counts_in(output) == (counts, leaking)
    assert counts["across_people"] == 4
    assert counts["across_splits"] > 1
    assert counts["within_split"] > 1
    assert any(leaking.values())
    assert "4 files have the content of another file of another person, so a label" in printed
    assert f"{counts['across_splits']} files have the content of another file in" in printed
    assert "have a copy of an image or clip of training" in printed


def test_the_reported_duplicates_are_those_of_hashed_files(copies, report):
    check_report(copies, *report)


def test_windows_of_one_clip_in_several_splits_are_no_copies(copies, build, tmp_path, capsys):
    output = tmp_path / "set"
    flags = ["--split_by=pair", "--window_seconds=0.25", "--split_fractions=40,30,30"]
    assert build(*copies.flags, *flags, f"--output={output}") == 0
    alone = [use for use in uses_of(copies, output).values() if len({u[3] for u in use}) == 1]
    assert any(len({use[1] for use in uses}) > 1 for uses in alone)
    check_report(copies, output, capsys.readouterr().out)


def test_a_corpus_without_copies_has_no_duplicates(data_set):
    manifest = json.loads((data_set / "dataset.json").read_text())
    assert "duplicates" not in manifest
    assert counts_in(data_set)[1] == {"validation": 0, "test": 0}


def test_examples_name_two_equal_files_of_two_people(copies, report):
    line = next(line for line in report[1].splitlines() if "another person" in line)
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


def test_card_and_inspection_state_the_duplicates(copies, report, capsys):
    output = report[0]
    counts, leaking = expected_counts(uses_of(copies, output))
    page = Page((output / "card.html").read_text())
    assert inspect.main([str(output)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for text in (page.text, printed):
        assert "4 files have the content of a file of another person" in text
        assert f"{counts['across_splits']} files have the content of a file in another" in text
    rows = {row[0].strip(): row[-1].split(" ")[0] for row in page.rows if len(row) == 5}
    assert {split: rows[split] for split in leaking} == {s: f"{n}" for s, n in leaking.items()}


def test_refusing_names_an_example_and_keeps_the_old_dataset(
    copies, data_set, build, tmp_path, capsys
):
    output = shutil.copytree(data_set, tmp_path / "set")
    flags = [f"--output={output}", "--keep_replaced_hours=0", "--duplicates=refuse"]
    assert build(*copies.flags, *flags) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: 4 files have the content of another file of another person")
    assert error.count("\n") == 1
    assert "(Person_1, " in error
    assert "(Person_2, " in error
    assert "--duplicates drop" in error
    before, after = files_of(data_set), files_of(output)
    assert {name: after[name] for name in before} == before


def test_copies_in_one_split_are_counted_and_not_refused(build, tmp_path, capsys):
    corpus = write_corpus(tmp_path, people=1, videos=1)
    video = corpus.faces / "Person_0" / "1.6" / "-video00"
    shutil.copy(video / "0000000.jpg", video / "0000025.jpg")
    assert build(*corpus.flags, f"--output={tmp_path / 'set'}", "--duplicates=refuse") == 0
    assert load_manifest(tmp_path / "set").duplicates.within_split == 1
    assert "1 file has the content of another file of their person in one split: " in (
        capsys.readouterr().out
    )


def test_dropping_copies_gives_the_shards_of_a_corpus_without_them(
    data_set, build, tmp_path, capsys
):
    corpus = write_corpus(tmp_path / "corpus")
    for i in range(5):
        copy_video(corpus, 0, f"-video0{i}", f"zz_copy_of_{i}")
    for tree, code in ((corpus.faces, "Person_3"), (corpus.audio, "id10003")):
        first = sorted(tree.iterdir())[0]
        shutil.copytree(first, tree / code)
    with corpus.meta.open("a") as meta:
        meta.write("id10003\tPerson_3\tf\tNowhere\ttest\n")
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
    for shard in load_manifest(data_set).shards:
        assert (output / shard.file).read_bytes() == (data_set / shard.file).read_bytes()
    assert len(list(output.glob("*.tfrecord"))) == len(load_manifest(data_set).shards)
    assert load_manifest(output).duplicates == Duplicates(dropped=60)
    assert load_manifest(output).plan["duplicates"] == "drop"
    assert "duplicates" not in load_manifest(data_set).plan


def test_dropping_keeps_the_first_path_and_a_resumed_build_is_equal(copies, build, tmp_path):
    flags = [*copies.flags, f"--output={tmp_path / 'set'}", "--duplicates=drop"]
    assert build(*flags) == 0
    uses = uses_of(copies, tmp_path / "set")
    assert all(len({use[3] for use in equal}) == 1 for equal in uses.values())
    videos = {use[3].parent.name for equal in uses.values() for use in equal}
    assert videos >= {"!before_the_original", "-video00", "-video11"}
    assert not videos & {"-video13", "copy_of_0", "z_of_another_person"}
    before = files_of(tmp_path / "set")
    shard = next((tmp_path / "set").glob("train-*.tfrecord"))
    shard.unlink()
    assert build(*flags) == 0
    assert files_of(tmp_path / "set") == before
    counts = counts_in(tmp_path / "set")[0]
    assert {name for name, count in counts.items() if count} == {"dropped"}


def test_which_copy_is_kept_does_not_depend_on_the_order():
    files = [FileOf("b", "Ann", "face"), FileOf("a", "Zoe", "face"), FileOf("c", "Ann", "face")]
    for order in permutations(files):
        assert [(c.file.path, c.original.path) for c in copies_among(order)] == [
            ("b", "a"),
            ("c", "a"),
        ]


def test_results_without_digests_get_them_and_their_shards_are_kept(
    copies, report, build, tmp_path, monkeypatch
):
    reported = report[0]
    output = shutil.copytree(reported, tmp_path / "set")
    for path in (output / ".build").glob("?" * 32 + ".json"):
        fields = json.loads(path.read_text())
        del fields["media"], fields["checksum"]
        path.write_text(json.dumps(fields))
    times = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
    monkeypatch.setattr(
        "beam_pipelines.shards.decoding.extract_face", lambda *_: pytest.fail("a face was decoded")
    )
    assert build(*copies.flags, f"--output={output}") == 0
    assert files_of(output) == files_of(reported)
    assert {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")} == times
    for path in (reported / ".build").glob("?" * 32 + ".json"):
        assert (output / ".build" / path.name).read_bytes() == path.read_bytes()


def test_a_changed_bit_makes_a_result_invalid(report):
    reported = report[0]
    store = shard_results.store_at(reported)
    path = sorted((reported / ".build").glob("?" * 32 + ".json"))[0]
    content = path.read_bytes()
    try:
        for at in range(0, len(content), 7):
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            path.write_bytes(changed)
            assert shard_results.read_result(store, path.stem) is None, changed
    finally:
        path.write_bytes(content)
    assert shard_results.read_result(store, path.stem) is not None


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
def test_damaged_media_make_a_result_invalid(report, change):
    reported = report[0]
    store = shard_results.store_at(reported)
    path = sorted((reported / ".build").glob("?" * 32 + ".json"))[0]
    assert shard_results.read_result(store, path.stem) is not None
    fields, text = json.loads(path.read_text()), path.read_text()
    change(next(iter(fields["media"].values())))
    del fields["checksum"]
    try:
        path.write_text(json.dumps(fields))
        assert shard_results.read_result(store, path.stem) is None
    finally:
        path.write_text(text)
