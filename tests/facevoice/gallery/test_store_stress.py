"""Galleries whose writers are killed at any moment, and several writers at once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from facevoice.gallery.gallery import IMAGE
from facevoice.gallery.store import change_gallery, read_gallery
from tests.facevoice.gallery.galleries import random_gallery, random_samples

KILLS = 25

# Enrols person after person and prints each one when the change is complete.
WRITER = """
import sys
from pathlib import Path
from facevoice.gallery.gallery import IMAGE
from facevoice.gallery.store import change_gallery
from tests.facevoice.gallery.galleries import random_samples

folder, prefix, start, count = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
for number in range(start, start + count):
    samples = random_samples({f"{prefix} {number:05}": 3}, IMAGE, seed=number)
    change_gallery(folder, lambda gallery: gallery.enroll({IMAGE: samples}), wait_seconds=60)
    print(number, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    """A gallery of 300 people, so that writing it takes a while."""
    made = tmp_path / "gallery"
    change_gallery(made, lambda _: random_gallery(people=300, count=10), create=True)
    return made


def start_writer(folder, prefix, start, count):
    arguments = [sys.executable, "-c", WRITER, str(folder), prefix, str(start), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def everything(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.slow
def test_a_gallery_survives_kills_at_random_moments(folder):
    draw = random.Random(0)
    complete, leftovers = 0, 0
    for kill in range(KILLS):
        writer = start_writer(folder, "new", complete, 10_000)
        printed = [writer.stdout.readline()]  # it has begun to write
        time.sleep(draw.uniform(0, 0.3))
        if kill % 2:  # files are written in a small part of the time
            while len(list(folder.iterdir())) <= 2:
                pass
            time.sleep(draw.uniform(0, 0.005))
        writer.send_signal(signal.SIGKILL)
        printed += writer.stdout.read().splitlines()
        assert writer.wait() == -signal.SIGKILL
        acknowledged = 1 + int(printed[-1])
        leftovers += len(list(folder.iterdir())) > 2
        people = [name for name in read_gallery(folder).people if name.startswith("new ")]
        assert len(people) in (acknowledged, acknowledged + 1)
        assert people == [f"new {number:05}" for number in range(len(people))]
        complete = len(people)
    assert leftovers, "no kill was in the middle of a change"
    samples = read_gallery(folder).samples[IMAGE]
    for number in range(complete):
        expected = random_samples({f"new {number:05}": 3}, IMAGE, seed=number).embeddings
        rows = [row for row, name in enumerate(samples.names) if name == f"new {number:05}"]
        np.testing.assert_array_equal(samples.embeddings[rows], expected)


@pytest.mark.slow
def test_a_person_forgotten_after_kills_is_in_no_byte(folder):
    draw = random.Random(1)
    for _ in range(5):
        start = len(read_gallery(folder).people)
        writer = start_writer(folder, "new", start, 10_000)
        writer.stdout.readline()
        time.sleep(draw.uniform(0, 0.2))
        writer.send_signal(signal.SIGKILL)
        writer.stdout.read()
        writer.wait()
    samples = read_gallery(folder).samples
    name = max(each for each in read_gallery(folder).people if each.startswith("new "))
    traces = [name.encode(), name.encode("utf-16-le"), name.replace(" ", "\\u0020").encode()]
    for each in samples.values():
        for row, person in enumerate(each.names):
            if person == name:
                traces += [each.embeddings[row].tobytes(), each.sources[row].sha256.encode()]
                traces += [each.sources[row].media.encode() + b'"']
    assert len(traces) == 3 + 3 * 3
    found = everything(folder)
    assert all(trace in found for trace in (traces[0], *traces[3:]))
    change_gallery(folder, lambda gallery: gallery.forget(name))
    found = everything(folder)
    assert not any(trace in found for trace in traces)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(folder):
    writers = [start_writer(folder, prefix, 0, 15) for prefix in ("one", "two")]
    while any(writer.poll() is None for writer in writers):
        assert len(read_gallery(folder).people) >= 300
    for writer in writers:
        assert writer.returncode == 0
        assert len(writer.stdout.read().splitlines()) == 15
    people = read_gallery(folder).people
    assert len(people) == 330
    assert {f"{prefix} {i:05}" for prefix in ("one", "two") for i in range(15)} <= set(people)
