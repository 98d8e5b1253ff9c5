"""Common code of the competitors of the group `build`: pairs, tasks and timing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from protocol import Task, unordered_digest

ROOT = Path(__file__).parents[2]

# Each process uses one core: threads of small matrix products would only compete.
os.environ["OMP_NUM_THREADS"] = "1"

Pair = tuple[str, str, str]
# From faces, audio, pairs and output; some competitors also take a face detector.
Build = Callable[..., dict[str, Any]]


def pairs_of(faces: Path, audio: Path) -> list[Pair]:
    """Returns (identity, image, clip) of each pair: the files of a video in order of name."""
    images, clips = sorted(faces.rglob("*.jpg")), sorted(audio.rglob("*.wav"))
    return [
        (image.relative_to(faces).parts[0], str(image), str(clip))
        for image, clip in zip(images, clips, strict=True)
    ]


def tasks(build: Build, arrays: Callable[[Path], Iterable[bytes]] | None) -> dict[str, Task]:
    """Returns the tasks of a competitor.

    Args:
      build: function (faces, audio, pairs, output) that builds a dataset and returns additional
        entries of the response.
      arrays: function that reads all images and spectrograms of a dataset; None if they differ
        from FaceVoice's by design.
    """

    def check(corpus: dict[str, Any], output: str) -> dict[str, Any]:
        response = timed_build(build, corpus, output)
        if arrays is None:
            return response
        return response | {"digest": unordered_digest(arrays(Path(output)))}

    def slope(small: dict[str, Any], large: dict[str, Any], output: str) -> dict[str, Any]:
        first, second = (timed_build(build, corpus, output) for corpus in (small, large))
        seconds = second["seconds"] - first["seconds"]
        if seconds <= 0:
            raise ValueError("the large build took no longer than the small one; make it larger")
        return first | {"pairs_per_second": (large["pairs"] - small["pairs"]) / seconds}

    return {"check": check, "slope": slope}


def timed_build(build: Build, corpus: dict[str, Any], output: str) -> dict[str, Any]:
    """Builds into an empty directory; returns the response of the build, with its seconds."""
    shutil.rmtree(output, ignore_errors=True)
    Path(output).mkdir(parents=True)
    faces, audio = Path(corpus["faces"]), Path(corpus["audio"])
    started = time.perf_counter()
    settings = {name: corpus[name] for name in ("face_detector",) if name in corpus}
    response = build(faces, audio, corpus["pairs"], Path(output), **settings)
    return response | {"seconds": time.perf_counter() - started}
