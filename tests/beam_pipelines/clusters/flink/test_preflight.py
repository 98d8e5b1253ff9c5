"""Tests of the check of a cluster's worker before the build."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import facevoice
from beam_pipelines.errors import BuildError
from beam_pipelines.runners.preflight import check_worker
from beam_pipelines.shards.fingerprints import Job, software, worker_code
from facevoice.features import FeatureSettings
from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.clusters.builds import WORKER
from tests.conftest import SMALL


@pytest.fixture
def refused(cluster, corpus, tmp_path):
    """What a build says whose workers are started by a shell script with this last line."""

    def run(line, *flags):
        worker = tmp_path / "worker"
        worker.write_text(f"#!/bin/sh\n{line}\n")
        worker.chmod(0o755)
        by = builds.by_process(command=worker)
        return builds.refused(cluster, tmp_path / "set", *SMALL, *corpus.flags, *by, *flags)

    return run


def test_a_worker_that_never_connects(refused):
    said = refused("exec sleep 1000", "--preflight_seconds=20")
    assert "No worker answered within 20 seconds" in said
    assert "needs this project installed" in said


def test_a_worker_without_the_package(refused):
    """Its error is reported, but the bundle that had it is waited for."""
    hide = "from beam_pipelines.runners import sdk_worker; sys.modules['beam_pipelines'] = None"
    said = refused(
        f'exec {sys.executable} -c "import sys; {hide}; sdk_worker.main()" "$@"',
        "--preflight_seconds=40",
    )
    assert "needs this project installed" in said


def test_a_worker_that_ends_at_once(refused):
    assert "died as it started (exit code 3), and no attempt is left" in refused("exit 3")


def test_machines_without_the_command(refused):
    said = refused("true", *builds.by_process(command=Path("/nowhere/facevoice-worker")))
    assert "could not start the command of --environment_config (No such file or dir" in said


def test_a_worker_with_other_code(refused, tmp_path):
    packages = Path(facevoice.__file__).parents[1]
    for package in ("beam_pipelines", "facevoice", "tfdata"):
        shutil.copytree(packages / package, tmp_path / "other" / package)
    changed = tmp_path / "other" / "facevoice" / "features" / "spectrogram.py"
    changed.write_text(changed.read_text() + "# changed\n")
    said = refused(f'PYTHONPATH={tmp_path / "other"} exec {WORKER} "$@"')
    assert said == (
        "error: A worker has other code of FaceVoice than the driver; install the same there.\n"
    )


def test_a_misspelt_option_of_the_job_server(refused):
    said = refused("true", "--", "--number_of_execution_retry=1")
    assert (
        "does not know --number_of_execution_retry; did you mean --number_of_execution_retries?"
        in said
    )


def test_a_worker_that_sees_other_folders(tmp_path, data_set, corpus):
    job = Job(
        faces_root=corpus.faces,
        audio_root=corpus.audio,
        output=data_set,
        features=FeatureSettings(),
        num_shards=1,
        run_id="",
        code=worker_code(),
        software=software(),
    )
    check_worker(job)
    away = tmp_path / "away"
    with pytest.raises(BuildError, match=f"does not see --audio {away}; mount it at the same path"):
        check_worker(replace(job, audio_root=away))
    with pytest.raises(BuildError, match=f"does not see --output {tmp_path}; .* give a URL"):
        check_worker(replace(job, output=tmp_path))
