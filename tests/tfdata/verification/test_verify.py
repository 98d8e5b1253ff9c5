"""Checks of damaged datasets: every fault is reported."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.tfdata.verification.datasets import (
    FRAMES,
    OFFSETS,
    PEOPLE,
    record,
    replace,
)
from tests.tools import error_line
from tfdata import DatasetError, load_manifest, verify
from tfdata.tfrecord import frame, serialize_example


@pytest.fixture
def lines(folder, capsys):
    """Runs the command on the dataset; returns its lines, the last of which is the summary."""

    def run(expected=1):
        assert verify.main([str(folder)]) == expected
        out, err = capsys.readouterr()
        assert err == ""
        return out.splitlines()

    return run


def test_an_intact_dataset_is_reported_as_intact(lines):
    (line,) = lines(expected=0)
    assert re.search(r"set is intact: 24 pairs in 4 shards, 0.0 MB, read in \d", line)


def test_a_build_is_intact(data_set, capsys):
    assert verify.main([str(data_set)]) == 0
    assert "is intact: 30 pairs" in capsys.readouterr().out


def test_a_fault_is_a_line_with_shard_record_and_offset(shard, lines):
    content = bytearray(shard.read_bytes())
    content[OFFSETS[3] + 40] ^= 1
    shard.write_bytes(content)
    fault, summary = lines()
    reason = "the checksum of its data is wrong"
    assert fault == f"{shard.name}, record 4, byte {OFFSETS[3]}: {reason}"
    assert "is damaged: 1 fault; 1 of 4 shards damaged, 23 of 24 pairs intact; copy" in summary


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            {"image": np.zeros((4, 4), np.uint8)},
            r"its image has 16 bytes where .*\[4, 4, 3\] has 48",
        ),
        ({"identity": "Eve"}, "its identity 'Eve' is not in the manifest's people"),
        ({"session": "test video"}, "'test video' is not a video of Ann in the train split"),
        ({"window_start_samples": -1}, "window_start_samples is not a number of samples"),
        ({"key": "Ann train 0"}, "its key 'Ann train 0' is the key of an earlier record"),
    ],
)
def test_a_record_that_the_manifest_does_not_describe_is_a_fault(shard, lines, other, words):
    replace(shard, 3, record("Ann", "train", 1, **other))
    found = [line for line in lines()[:-1] if ", record" in line]
    assert len(found) == 1
    assert re.match(rf"{shard.name}, record 3, byte {OFFSETS[2]}: .*{words}", found[0])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"plain text", "beyond its message"),
        (serialize_example({"image": 5}), "it has no image"),
        (serialize_example({}), "it has no image"),
    ],
)
def test_a_record_of_another_kind_is_a_fault(shard, lines, data, words):
    replace(shard, 3, frame(data))
    assert any("record 3, byte" in line and words in line for line in lines())


def test_a_key_is_unique_in_all_splits(folder, lines):
    """So a pair in two splits is found, whatever the names of its videos are."""
    test = next(folder.glob("test-*"))
    frames = [record(who, "test", i) for i in range(2) for who in PEOPLE]
    frames[0] = record("Ann", "test", 0, key="Ann train 0")
    test.write_bytes(b"".join(frames))
    assert any("record 1" in line and "earlier record" in line for line in lines())


def test_reordered_records_are_found_by_the_digest(shard, lines):
    shard.write_bytes(b"".join(reversed(FRAMES)))
    (fault, _) = lines()
    assert "its SHA-256 is not the manifest's, though every record is intact" in fault


@pytest.mark.parametrize("kept", [0, 4])
def test_a_shard_that_ends_at_a_record_is_short_by_its_size(shard, lines, kept):
    size = shard.stat().st_size
    shard.write_bytes(b"".join(FRAMES[:kept]))
    fault, summary = lines()
    short = f"it has {sum(map(len, FRAMES[:kept]))} bytes where the manifest says {size}"
    assert fault == f"{shard.name}: {short}"
    assert f"{14 + kept} of 24 pairs intact" in summary


def test_all_missing_shards_are_named(folder, lines):
    for path in folder.glob("train-*"):
        path.unlink()
    *faults, summary = lines()
    assert all("cannot be read: No such file" in fault for fault in faults)
    assert "2 faults; 2 of 4 shards damaged, 8 of 24 pairs intact" in summary


def test_people_with_fewer_pairs_than_in_the_manifest_are_named(folder, lines):
    def swap(fields):
        fields["people"]["Ann"]["pairs"]["test"] += 1
        fields["people"]["Zoë"]["pairs"]["test"] -= 1

    edit(folder, swap)
    assert lines()[:-1] == [
        "dataset.json: Ann has 3 test pairs there and 2 in the shards",
        "dataset.json: Zoë has 1 test pair there and 2 in the shards",
    ]


def test_the_number_of_printed_faults_is_limited(folder, lines, monkeypatch):
    monkeypatch.setattr(verify, "MAX_LINES", 3)
    for path in folder.glob("train-*"):
        path.write_bytes(frame(b"") * 10)
    *faults, others, summary = lines()
    assert len(faults) == 3
    assert others == "... and 19 other faults."
    assert "22 faults" in summary


def test_unknown_files_are_a_note_and_not_a_fault(folder, lines):
    (folder / "mine.tfrecord").write_bytes(b"?")
    note, summary = lines(expected=0)
    assert note == "Note: mine.tfrecord is not part of this dataset and was not read."
    assert "is intact" in summary


def edit(folder, change):
    path = folder / "dataset.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.pop("people"), "people"),
        (lambda f: f.update(format_version=99), "format version 99"),
        (lambda f: f.update(image_shape=[0, 4, 3]), "a shape has no size"),
        (lambda f: f.update(image_shape=["4", 4, 3]), "image_shape[0] is '4', not an integer"),
        (lambda f: f["people"]["Ann"].update(label=1), "labels do not count from 0"),
        (lambda f: f["people"]["Ann"]["pairs"].pop("test"), "'test' is missing from the pairs"),
        (lambda f: f["splits"]["test"].update(pairs=5), "test split has 5 pairs, its shards 4"),
        (lambda f: f["splits"]["test"]["shards"][0].update(file="../x"), "not a file name"),
        (lambda f: f["splits"]["test"]["shards"].append(f["splits"]["test"]["shards"][0]), "two"),
        (lambda f: f["splits"]["test"]["sessions"].update(Eve=[]), "videos of 'Eve', who is not"),
        (lambda f: f["splits"]["test"].update(sessions=3), "sessions is 3, not an object"),
        (
            lambda f: f["splits"]["test"]["sessions"].update(Ann="v"),
            "sessions.Ann is 'v', not an array",
        ),
    ],
)
def test_an_inconsistent_manifest_is_a_one_line_error(folder, capsys, change, words):
    edit(folder, change)
    assert verify.main([str(folder)]) == 1
    assert words in error_line(capsys)


def test_a_manifest_with_any_changed_byte_leads_to_no_traceback(folder, capsys):
    path = folder / "dataset.json"
    good = path.read_bytes()
    rng = random.Random(0)
    for _ in range(150):
        bad = bytearray(good)
        at = rng.randrange(good.index(b'"image_shape"'), len(bad))
        bad[at] = rng.choice(b'0123456789"x{}[],:- \xff')
        path.write_bytes(bad[: rng.choice([at, len(bad), len(bad)])])
        assert verify.main([str(folder)]) in (0, 1)
        out, err = capsys.readouterr()
        assert err.count("\n") + out.count("\n") >= 1


def test_invalid_arguments_are_refused(capsys, tmp_path):
    for words in ([], ["a", "b"], ["a", "--fix"]):
        with pytest.raises(SystemExit) as stop:
            verify.main(words)
        assert stop.value.code == 2
    assert verify.main([str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_it_needs_no_tensorflow(folder):
    code = (
        "import sys; from tfdata import verify; status = verify.main([sys.argv[1]])\n"
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True)


def test_opening_checks_presence_and_size_only(folder, shard):
    size = shard.stat().st_size
    shard.write_bytes(bytes(size))
    load_manifest(folder)
    shard.write_bytes(bytes(size - 1))
    with pytest.raises(DatasetError, match=f"{shard.name} has {size - 1} bytes .* says {size}"):
        load_manifest(folder)
    shard.unlink()
    with pytest.raises(DatasetError, match=f"{shard.name} is missing; copy the dataset again"):
        load_manifest(folder)
    assert load_manifest(folder, check_shards=False).people
