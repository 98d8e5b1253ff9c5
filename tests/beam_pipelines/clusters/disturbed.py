"""Checks of builds on a cluster that are disturbed: by deaths at random moments, and by Ctrl-C."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.beam_pipelines.clusters import builds
from tests.beam_pipelines.test_kills import is_complete
from tests.tools import files_of

Kill = Callable[[Any, subprocess.Popen[str]], None]  # of something of a cluster during a build


def ended(
    cluster: builds.Cluster, output: Path, flags: Sequence[str], process: subprocess.Popen[str]
) -> str:
    """Whether a disturbed build recovered, or failed cleanly and the next one went on."""
    error = builds.ended(process)[1]
    if process.returncode == 0:
        return "recovered"
    builds.check_failed(process, error)
    assert not is_complete(output)
    said = builds.build(cluster, output, *flags)
    return "resumed with existing shards" if "there already" in said else "began anew"


def check_deaths(
    cluster: builds.Cluster,
    kills: Sequence[Kill],
    count: int,
    seed: int,
    flags: Sequence[str],
    undisturbed: Mapping[str, bytes],
    folder: Path,
    repaired: Callable[[], None],
) -> str:
    """Kills something at a random moment of each of some builds; all give the same bytes.

    Args:
      kills: what is killed, in turns.
      count: number of builds.
      seed: of the moments.
      flags: of the builds.
      undisturbed: the files of the dataset.
      folder: for the datasets.
      repaired: waits until the cluster is whole again.

    Returns:
      What happened, in words.
    """
    draw, caught = random.Random(seed), Counter[tuple[str, str]]()
    started = time.monotonic()
    builds.build(cluster, folder / "first", *flags)
    seconds = time.monotonic() - started
    for number in range(count):
        kill = kills[number % len(kills)]
        output = folder / str(number)
        with builds.start(cluster, output, *flags) as process:
            time.sleep(draw.uniform(0, seconds))
            kill(cluster, process)
            how = ended(cluster, output, flags, process)
        repaired()
        caught[kill.__name__, how] += 1
        assert files_of(output) == undisturbed
        assert not list(output.rglob("*.tmp"))
    return f"{count} kills in builds of {seconds:.0f} s: {dict(caught)}"


def shards(output: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}


def check_nothing_half_done(output: Path, undisturbed: Mapping[str, bytes]) -> None:
    """Checks that there is no manifest and that each shard is one of the finished dataset."""
    assert not is_complete(output)
    found = files_of(output)
    standing = {name: data for name, data in found.items() if name.endswith(".tfrecord")}
    assert standing
    assert standing.items() <= undisturbed.items()
    assert len(standing) < sum(name.endswith(".tfrecord") for name in undisturbed)


def check_it_goes_on(
    cluster: builds.Cluster, output: Path, flags: Sequence[str], undisturbed: Mapping[str, bytes]
) -> None:
    """Checks that the same command keeps finished shards and gives the same bytes."""
    before = shards(output)
    said = builds.build(cluster, output, *flags)
    assert "there already" in said
    after = shards(output)
    # A shard may stand without its note, once for each worker that was stopped.
    assert sum(before[name] != after[name] for name in before) <= 2
    assert files_of(output) == undisturbed
    assert not list(output.rglob("*.tmp"))


def check_interrupted(process: subprocess.Popen[str], to: Callable[[int, int], None]) -> None:
    """Sends what Ctrl-C sends, which a build tells as such."""
    to(process.pid, signal.SIGINT)
    error = process.communicate(timeout=builds.SECONDS)[1]
    assert process.returncode == 130
    said = builds.beside_progress(error)
    assert said == "Stopped. Finished shards are kept; the same command resumes.\n"
