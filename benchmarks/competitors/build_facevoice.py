"""Builds with FaceVoice's command and two workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from build_common import ROOT, tasks, timed_build
from protocol import serve

from tfdata.record_reader import read_records

POLL_SECONDS = 0.01
GROWING_SHARD = f"{'?' * 32}.{'?' * 32}.tmp"
NOT_INHERITED = ("PYTHONPATH", "OMP_NUM_THREADS")  # set for competitors, but not for users


def command(
    faces: Path, audio: Path, pairs: int, output: Path, face_detector: str = "none"
) -> list[str]:
    paths = [f"--faces={faces}", f"--audio={audio}", f"--output={output}"]
    return [
        *(sys.executable, "-m", "beam_pipelines.build", *paths),
        *("--direct_num_workers=2", f"--pairs_per_person={pairs}"),
        f"--face_detector={face_detector}",
    ]


def build(
    faces: Path, audio: Path, pairs: int, output: Path, face_detector: str = "none"
) -> dict[str, Any]:
    started = time.perf_counter()
    first_pair_seconds = None
    with _started(command(faces, audio, pairs, output, face_detector)) as process:
        while process.poll() is None:
            if first_pair_seconds is None and _has_first_pair(output):
                first_pair_seconds = time.perf_counter() - started
            time.sleep(POLL_SECONDS)
        stdout = process.communicate()[0]
    match = re.search(r"^  ([\d,]+) pairs", stdout, re.MULTILINE)
    built = int(match[1].replace(",", "")) if match and not process.returncode else 0
    if built != pairs:
        raise ValueError(f"{built} of {pairs} pairs were built: {stdout[-300:]}")
    return {"first_pair_seconds": first_pair_seconds}


def growth(corpora: list[dict[str, Any]], output: str) -> dict[str, Any]:
    """Measures a build of each corpus, and a dry run, which plans in one process."""
    return {
        "build": [timed_build(build, corpus, output)["seconds"] for corpus in corpora],
        "plan": [timed_build(plan, corpus, output)["seconds"] for corpus in corpora],
    }


def plan(faces: Path, audio: Path, pairs: int, output: Path) -> dict[str, Any]:
    with _started([*command(faces, audio, pairs, output), "--dry_run"]) as process:
        process.communicate()
    if process.returncode:
        raise ValueError("a dry run failed")
    return {}


def arrays(output: Path) -> Iterator[bytes]:
    for shard in output.glob("*.tfrecord"):
        for record in read_records(shard):
            yield from (bytes(record["image"]), bytes(record["spectrogram"]))


def _started(arguments: list[str]) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return subprocess.Popen(arguments, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def _has_first_pair(output: Path) -> bool:
    """Returns whether any shard has a pair; shards are written pair by pair."""
    return any(_size(file) for file in (output / ".build").glob(GROWING_SHARD))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


serve({**tasks(build, arrays), "growth": growth})
