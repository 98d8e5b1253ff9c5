"""Checks of damaged datasets: every fault is reported, and only damaged records are lost."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tfdata import DatasetError, load_manifest, tfrecord_recovery, verify
from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.record_reader import ShardLoss, salvage_records
from tfdata.schema import encode_record
from tfdata.tfrecord import frame, serialize_example
from tfdata.validation import CheckResult, RecordCheck, find_faults

PEOPLE = ("Ann", "Zoë")
PER_SHARD = {"train": (5, 3), "validation": (2,), "test": (2,)}


def record(who, split, number, **other):
    """A framed record of a person; sizes differ, and some arrays are zeros."""
    rng = np.random.default_rng([number, *split.encode(), *who.encode()])
    arrays = {
        "image": rng.integers(0, 256, (4, 4, 3), np.uint8) * (number % 3 > 0),
        "spectrogram": rng.integers(0, 256, (4, 4), np.uint8),
    }
    facts = {
        "identity": who,
        "session": f"{split} video",
        "key": f"{who} {split} {number}",
        "face_source": "face" * number,
        "audio_source": "audio",
        "window_start_samples": number,
    }
    return frame(encode_record(**(arrays | facts | other)))


def write_data_set(folder, people=PEOPLE):
    """Writes a dataset with shards of a few records, without a build."""
    folder.mkdir()
    splits = {}
    for split, sizes in PER_SHARD.items():
        shards = []
        for shard, size in enumerate(sizes):
            content = b"".join(
                record(who, split, 9 * shard + i) for i in range(size) for who in people
            )
            digest = hashlib.sha256(content).hexdigest()
            name = f"{split}-{shard:05d}-of-{len(sizes):05d}-{digest[:12]}.tfrecord"
            (folder / name).write_bytes(content)
            shards.append(Shard(name, size * len(people), len(content), digest))
        videos = {who: [f"{split} video"] for who in people}
        splits[split] = Split(sum(sizes) * len(people), videos, tuple(shards))
    pairs = {split: sum(sizes) for split, sizes in PER_SHARD.items()}
    manifest = Manifest(
        features={},
        plan={},
        image_shape=(4, 4, 3),
        spectrogram_shape=(4, 4),
        people={who: Person(label, {}, pairs, 0) for label, who in enumerate(people)},
        splits=splits,
        without_pairs={},
        corpus=Corpus(1, 1, 1, 1.0),
        leakage={split: Leak(2, 0, 0) for split in ("validation", "test")},
        rejects={},
        software={},
    )
    (folder / "dataset.json").write_text(manifest.to_json())
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_data_set(tmp_path / "set")


@pytest.fixture
def shard(folder):
    """The largest shard: five records of each person."""
    return next(folder.glob("train-00000-*"))


@pytest.fixture
def lines(folder, capsys):
    """Runs the command on the dataset; returns its lines, the last of which is the summary."""

    def run(expected=1):
        assert verify.main([str(folder)]) == expected
        out, err = capsys.readouterr()
        assert err == ""
        return out.splitlines()

    return run


FRAMES = [record(who, "train", i) for i in range(5) for who in PEOPLE]
OFFSETS = [sum(map(len, FRAMES[:i])) for i in range(len(FRAMES))]


def replace(path, number, new):
    """Replaces the bytes of a record."""
    path.write_bytes(b"".join([*FRAMES[: number - 1], new, *FRAMES[number:]]))


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
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error


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


def salvage_shard(path, manifest):
    """The undamaged frames of a training shard, and its loss."""
    (shard,) = (s for s in manifest.splits["train"].shards if s.file == path.name)
    losses = {}
    read = salvage_records(path, shard, RecordCheck(manifest, "train"), losses)
    return [frame(data) for data in read], losses.get(path.name)


def test_salvaged_records_of_a_shard_are_counted(folder, shard, tmp_path):
    manifest = load_manifest(folder)
    assert salvage_shard(shard, manifest) == (FRAMES, None)
    replace(shard, 3, FRAMES[2][:-1] + b"?")
    assert salvage_shard(shard, manifest) == (FRAMES[:2] + FRAMES[3:], ShardLoss(1, 1))
    replace(shard, 3, bytes(1000))
    assert salvage_shard(shard, manifest) == (FRAMES[:2] + FRAMES[3:], ShardLoss(1, 1))
    shard.write_bytes(b"".join(FRAMES[:4]))
    assert salvage_shard(shard, manifest) == (FRAMES[:4], ShardLoss(6, 0))
    shard.write_bytes(b"")
    assert salvage_shard(shard, manifest) == ([], ShardLoss(10, 0))
    foreign = write_data_set(tmp_path / "foreign", ("Eve", "Bob"))
    shutil.copy(next(foreign.glob("train-00000-*")), shard)
    assert salvage_shard(shard, manifest) == ([], ShardLoss(10, 10))
    shard.unlink()
    assert salvage_shard(shard, manifest) == ([], ShardLoss(10, 1))


def spoil(content, rng):
    """A random fault of the kinds that disks, networks and people cause."""
    size = len(content)
    low, high = sorted(rng.randrange(size + 1) for _ in range(2))
    if rng.random() < 0.5:  # a short one
        high = min(high, low + rng.randrange(1, 40))
    block = content[low:high]
    to = rng.randrange(size + 1)
    match rng.choice(
        ("flip", "flip", "zero", "ones", "cut", "cut head", "insert", "remove", "repeat", "copy",
         "swap", "foreign", "duplicate", "other file")
    ):  # fmt: skip
        case "flip":
            spoilt = bytearray(content)
            for _ in range(rng.choice((1, 1, 2, 8))):
                spoilt[rng.randrange(size)] ^= 1 << rng.randrange(8)
            return bytes(spoilt)
        case "zero":
            return content[:low] + bytes(len(block)) + content[high:]
        case "ones":
            return content[:low] + b"\xff" * len(block) + content[high:]
        case "cut":
            return content[:low]
        case "cut head":
            return content[low:]
        case "insert":
            strange = rng.choice((rng.randbytes(len(block)), bytes(len(block))))
            return content[:to] + strange + content[to:]
        case "remove":
            return content[:low] + content[high:]
        case "repeat":
            return content[:high] + block + content[high:]
        case "copy":
            return content[:to] + block + content[to + len(block) :]
        case "swap":
            one, two = rng.sample(FRAMES, 2)
            marked = content.replace(one, b"\0one\0").replace(two, one)
            return marked.replace(b"\0one\0", two)
        case "foreign":
            return content[:low] + record("Eve", "train", rng.randrange(9)) + content[high:]
        case "duplicate":
            at = rng.choice(OFFSETS)
            return content[:at] + rng.choice(FRAMES) + content[at:]
    return rng.choice((b"", b"\0" * size, rng.randbytes(size), b"dear diary\n" * 30))


def fuzz(folder, shard, times, seed):
    """Damages a shard repeatedly; intact records are found, changed ones not, all is reported."""
    manifest = load_manifest(folder, check_shards=False)
    good = b"".join(FRAMES)
    rng = random.Random(seed)
    slowest = 0.0
    for _ in range(times):
        content = good
        for _ in range(rng.choice((1, 1, 2, 5))):
            content = spoil(content, rng) if content else content
        shard.write_bytes(content)
        started = time.process_time()
        out, loss = salvage_shard(shard, manifest)
        whole = sorted((content.index(frame), frame) for frame in FRAMES if frame in content)
        assert out == [frame for _, frame in whole], content
        found = CheckResult()
        faults = list(find_faults(folder, manifest, found, lambda _: None))
        assert bool(faults) == (content != good), content
        assert found.faults == len(faults)
        assert found.pairs == 14 + len(out)
        if len(out) < len(FRAMES):
            assert loss.records == len(FRAMES) - len(out)
        slowest = max(slowest, time.process_time() - started)
    assert slowest < 5


@pytest.mark.parametrize("chunk_bytes", [100, 1 << 20])
def test_random_faults_are_reported_and_lose_damaged_records_only(
    folder, shard, chunk_bytes, monkeypatch
):
    monkeypatch.setattr(tfrecord_recovery, "_CHUNK_BYTES", chunk_bytes)
    fuzz(folder, shard, times=200, seed=chunk_bytes)


@pytest.mark.slow
@pytest.mark.parametrize("chunk_bytes", [100, 1 << 20])
def test_thousands_of_random_faults_are_reported(folder, shard, chunk_bytes, monkeypatch):
    """20,000 in all: two minutes of one core."""
    monkeypatch.setattr(tfrecord_recovery, "_CHUNK_BYTES", chunk_bytes)
    fuzz(folder, shard, times=10_000, seed=chunk_bytes + 1)
