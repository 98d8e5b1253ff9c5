"""Face detector, voice activity and videos together: the same bytes however a build runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.beam_pipelines.media_corpus import DETECTORS, write_media_corpus
from tests.tools import files_of, start_build
from tfdata import load_manifest
from tfdata.examples import read_examples


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_media_corpus(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def expected(corpus, build, tmp_path_factory):
    output = tmp_path_factory.mktemp("data") / "set"
    assert build(*corpus.flags, f"--output={output}") == 0
    return output


def test_all_kinds_of_media_are_in_the_dataset(expected):
    manifest = load_manifest(expected)
    examples = list(read_examples(expected, manifest, manifest.shards))
    of_videos = [each for each in examples if each.face_time_seconds is not None]
    assert 0 < len(of_videos) < len(examples)
    assert all(each.face is not None and each.speech_share >= 0.5 for each in examples)
    assert {each.identity for each in of_videos} == {"Ann Lee", "Bén"}
    assert {each.session for each in of_videos} >= {"film №0 é"}
    reasons = {json.loads(line)["reason"] for line in (expected / "rejects.jsonl").open()}
    assert reasons == {"no_face", "no_speech"}
    page = (expected / "card.html").read_text()
    assert page.count("Original of the face of") == 2


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(corpus, expected, tmp_path):
    flags = [*DETECTORS, "--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    with start_build(corpus, tmp_path / "set", *flags, stdout=subprocess.DEVNULL) as process:
        error = process.stderr.read()
    assert process.returncode == 0, error
    assert files_of(tmp_path / "set") == files_of(expected)


@pytest.mark.slow
def test_a_killed_build_resumes_with_the_same_bytes(corpus, expected, build, tmp_path):
    output = tmp_path / "set"
    with start_build(corpus, output, *DETECTORS, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(output.glob("*.tfrecord"))) < 2:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (output / "dataset.json").exists()
    written = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
    assert build(*corpus.flags, f"--output={output}") == 0
    assert files_of(output) == files_of(expected)
    kept = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
    assert written.items() & kept.items()  # all but one that was just published
