"""Reading of damaged shards: only damaged records are lost."""

from __future__ import annotations

import random
import shutil
import time

import pytest

from tests.tfdata.verification.datasets import (
    FRAMES,
    OFFSETS,
    record,
    replace,
    write_data_set,
)
from tfdata import load_manifest, tfrecord_recovery
from tfdata.record_reader import ShardLoss, salvage_records
from tfdata.tfrecord import frame
from tfdata.validation import CheckResult, RecordCheck, find_faults


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
