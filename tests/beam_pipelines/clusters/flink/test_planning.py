"""Tests that workers, and not the driver, list and plan a million files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.beam_pipelines.clusters import builds
from tests.conftest import write_clip, write_face

FACES, CLIPS = 180, 20  # of a person, in two videos
MOST_LINKS = 50_000  # to one file; ext4 allows 65,000


def write_listing(root, people):
    """As many files as many people have; hard links, so that they take names alone."""
    made = {"faces": 0, "audio": 0}
    write = {"faces": write_face, "audio": write_clip}
    suffix = {"faces": "jpg", "audio": "wav"}
    for tree, count in (("faces", FACES), ("audio", CLIPS)):
        for person in range(people):
            for video in range(2):
                folder = root / tree / f"person-{person:05d}" / f"video-{video}"
                folder.mkdir(parents=True)
                for item in range(count // 2):
                    source = root / f"source-{made[tree] // MOST_LINKS}.{suffix[tree]}"
                    if made[tree] % MOST_LINKS == 0:
                        write[tree](source, made[tree])
                    os.link(source, folder / f"{item:05d}.{suffix[tree]}")
                    made[tree] += 1
    return sum(made.values())


def planned(cluster, root, people):
    """Pairs planned, seconds, and the peak of the driver's memory in MB."""
    files = write_listing(root, people)
    command = [
        sys.executable,
        "-m",
        "tests.beam_pipelines.clusters.flink.plan_alone",
        root / "faces",
        root / "audio",
    ]
    flags = [flag for flag in cluster.flags if not flag.startswith("--runner")]
    started = time.monotonic()
    done = subprocess.run(
        [*map(str, command), str(root / "set"), *flags, *builds.by_process()],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    shards, pairs, peak_mb = map(int, done.stdout.split())
    seconds = time.monotonic() - started
    print(f"{files} files, {pairs} pairs in {shards} shards: {seconds:.0f} s, {peak_mb} MB")
    return pairs, peak_mb


@pytest.mark.slow
def test_the_drivers_memory_does_not_grow_with_the_listing(cluster, tmp_path):
    try:
        few, small_mb = planned(cluster, tmp_path / "few", 60)
        many, large_mb = planned(cluster, tmp_path / "many", 6000)
    finally:
        shutil.rmtree(tmp_path)  # pytest would keep it
    assert many == 100 * few
    assert large_mb < small_mb + 50
